"""One record a metric, from which everything that prints metrics derives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from deidkit.cli import main
from deidkit.measures import CELL_METRICS, RECOGNIZER_METRICS, IntervalSettings, score_estimates
from deidkit.measures.orientation import in_similarities
from deidkit.measures.registry import OF_CELLS, OF_RECOGNIZERS, markdown, metric, names, of_engines
from deidkit.scores import Scores


def test_every_metric_has_one_record() -> None:
    for records in (OF_CELLS, OF_RECOGNIZERS, of_engines()):
        assert len(records) == len(set(names(records)))
        for record in records:
            assert record.title and record.definition.endswith("."), record.name
            if record.rate:
                assert (record.unit, record.lowest, record.highest) == ("percent", 0.0, 100.0), record.name
    assert metric("rank_1_percent", originals=True) is not metric("rank_1_percent")
    assert metric("what a plugin measures") is None


def test_the_list_names_every_metric() -> None:
    done = CliRunner().invoke(main, ["metrics", "--list"])
    assert done.exit_code == 0
    for name in (*CELL_METRICS, *RECOGNIZER_METRICS, *names(of_engines())):
        assert name in done.output


def test_the_manual_lists_what_is_measured() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert manual.endswith(markdown())


def test_similarities_keep_their_scale() -> None:
    rng = np.random.default_rng(0)
    people = np.arange(30, dtype=np.int32)
    kinds = {"genuine": 0.8, "impostor": 0.3, "deidentified": 0.5}
    alike = {kind: rng.normal(mean, 0.1, 30) for kind, mean in kinds.items()}
    found = score_estimates({k: Scores(-v, people, (people + (k == "impostor")) % 30) for k, v in alike.items()},
                            IntervalSettings())  # fmt: skip
    turned = in_similarities(found)
    mean = turned["genuine_mean"]
    assert mean.value == pytest.approx(alike["genuine"].mean())
    assert mean.low < mean.value < mean.high
    assert mean.unit == "similarity"
    assert turned["genuine_std"].value == found["genuine_std"].value > 0
    rejection = turned["rejection_rate_percent"]
    threshold = rejection.parameters["threshold"]
    assert rejection.value == pytest.approx(100 * np.mean(alike["deidentified"] < threshold))
    assert rejection.parameters["threshold_low"] <= threshold <= rejection.parameters["threshold_high"]
    at_low = np.mean(alike["deidentified"] < rejection.parameters["threshold_low"])
    assert rejection.parameters["percent_at_threshold_low"] == pytest.approx(100 * at_low, abs=100 / 30 + 1e-9)
    assert "similarity >= threshold" in rejection.parameters["rule"]
    assert turned["eer_threshold"].low <= turned["eer_threshold"].value <= turned["eer_threshold"].high
