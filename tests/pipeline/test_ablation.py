"""``deidkit ablate``: which settings it runs, and what it writes about them."""

from __future__ import annotations

import csv
import json
from itertools import product
from pathlib import Path

import msgspec
import pytest

from deidkit.errors import PluginError, UsageError
from deidkit.pipeline import ablation
from deidkit.result import AuditResult

from .commands import run


def test_every_combination_is_a_setting_and_what_is_compared_follows() -> None:
    grid = ({"sigma": ("2", "4")}, {"sigma": ("8",)})
    assert ablation.settings("blur", grid, ("mask", "identity")) == (
        "blur:sigma=2", "blur:sigma=4", "blur:sigma=8", "mask", "identity",
    )  # fmt: skip
    # The default of sigma is 4: blur alone would be measured twice.
    assert ablation.settings("blur", grid, ("blur", "mask")) == ("blur:sigma=2", "blur:sigma=4", "blur:sigma=8", "mask")


def test_a_class_in_a_file_is_ablated_as_an_installed_engine_is(tmp_path: Path) -> None:
    file = tmp_path / "smear.py"
    file.write_text(
        "from dataclasses import dataclass\n\n"
        "@dataclass(frozen=True)\nclass Smear:\n    radius: int = 5\n    round: bool = False\n"
        "    version = '1'\n    deterministic = True\n    diverse = False\n"
        "    def deidentify(self, images, seeds):\n        raise NotImplementedError\n"
        "def function(picture):\n    return picture\n"
    )
    engine, grid = f"{file}:Smear", [{"radius": ("3", "7")}]
    assert ablation.settings(engine, grid, ("mask",)) == (f"{engine}:radius=3", f"{engine}:radius=7", "mask")
    of_all = f"{engine}:round=true"
    assert ablation.settings(of_all, grid, ()) == (f"{of_all},radius=3", f"{of_all},radius=7")
    with pytest.raises(UsageError, match=r"has no option 'size'\. Its options: radius, round"):
        ablation.settings(engine, [{"size": ("3",)}])
    with pytest.raises(UsageError, match="has no published grid: say what to vary"):
        ablation.published(engine)
    with pytest.raises(PluginError, match="is not a class, and has no options"):
        ablation.settings(f"{file}:function", grid)


def test_the_published_grid_is_that_of_table_v() -> None:
    pytest.importorskip("diffusers", reason="the diffusion engine needs torch and diffusers")
    grid = ablation.published("diffusion")
    combinations = [dict(zip(axes, v, strict=True)) for axes in grid for v in product(*axes.values())]
    assert len(combinations) == 10
    assert {c["exemplars"] for c in combinations if c["alpha"] == "0"} == {"s", "m", "f", "s+m", "s+f", "m+f", "s+m+f"}
    assert [c["alpha"] for c in combinations if c["alpha"] != "0"] == ["0.1", "0.2", "0.3"]
    made = ablation.settings("diffusion:steps=20", grid)
    assert made[0] == "diffusion:steps=20,exemplars=s,alpha=0"
    assert len(made) == 14


@pytest.mark.parametrize(
    ("engine", "grid", "message"),
    [
        ("blur", {"sigmas": ("1",)}, "no option 'sigmas'. Its options: sigma"),
        ("blur", {"sigma": ("-1",)}, "at least 0.1"),
        ("blur", {"sigma": ("many",)}, "must be a number"),
        ("blur", {"sigma": ("4", "4.0")}, "mean the same thing: blur:sigma=4 and blur:sigma=4.0"),
        ("blur:sigma=2", {"sigma": ("4",)}, "varied and also fixed"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused_before_anything_is_read(
    engine: str, grid: dict[str, tuple[str, ...]], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        ablation.settings(engine, [grid])
    assert message in str(caught.value)


def test_an_engine_without_a_published_grid_says_what_can_be_varied() -> None:
    with pytest.raises(UsageError, match=r"--vary sigma=VALUE,VALUE\. Its options: sigma, backs\."):
        ablation.published("blur")
    with pytest.raises(UsageError, match="no options"):
        ablation.published("identity")
    with pytest.raises(PluginError, match="no engine is named"):
        ablation.published("blurr")


def test_a_grid_file_holds_lists_or_several_sets_of_them(tmp_path: Path) -> None:
    file = tmp_path / "grid.toml"
    file.write_text("exemplars = ['s', ['s', 'm']]\nalpha = [0, 0.1]\nfast = [true]\n")
    assert ablation.read_grid(file) == ({"exemplars": ("s", "s+m"), "alpha": ("0", "0.1"), "fast": ("true",)},)
    file.write_text("[[grid]]\nsigma = [1]\n[[grid]]\nsigma = [2, 3]\n")
    assert ablation.read_grid(file) == ({"sigma": ("1",)}, {"sigma": ("2", "3")})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sigma = 2", "'sigma' must be a list"),
        ("sigma = []", "'sigma' must be a list"),
        ("sigma = ['1,2']", "holds a comma"),
        ("sigma = [", "not valid TOML"),
        ("", "must hold options"),
        ("grid = [1]", "must hold options"),
        ("sigma = [1]\n[[grid]]\nsigma = [2]", "'sigma' is outside of"),
    ],
)
def test_another_form_of_grid_file_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        ablation.read_grid(tmp_path / "grid.toml")
    assert message in str(caught.value)
    with pytest.raises(UsageError, match="cannot be read"):
        ablation.read_grid(tmp_path / "nothing.toml")


@pytest.mark.parametrize("text", ["sigma", "sigma=", "=1", "sigma=1,,2"])
def test_a_vary_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="OPTION=VALUE,VALUE"):
        ablation.parse_vary([text])
    with pytest.raises(UsageError, match="given twice"):
        ablation.parse_vary(["sigma=1", "sigma=2"])


@pytest.mark.slow
def test_the_tables_and_the_figure_say_what_the_audit_found(palms: Path, elsewhere: Path) -> None:
    code, text = run(
        "ablate", "--engine", "blur", "--vary", "sigma=1,2,4,8", "--dataset", f"numbered:{palms},kind=roi", "--quiet",
        "--recognizer", "mtcc", "--recognizer", "compcode", "--output", "out",
    )  # fmt: skip
    assert code == 0, text
    assert "blur:sigma=4" in text and "mtcc: preset A" in text
    assert "out/ablation.html" in text
    out = elsewhere / "out"
    result = msgspec.json.decode((out / "report.json").read_bytes(), type=AuditResult)
    assert [e.component.label for e in result.engines] == [
        "blur (sigma=1.0)", "blur (sigma=2.0)", "blur", "blur (sigma=8.0)", "mask", "pixelate", "identity",
    ]  # fmt: skip
    found = {(c.engine, c.recognizer): c.metrics["deid_ratio_percent"].value for c in result.cells}

    document = json.loads((out / "ablation.json").read_text())
    assert document["varied"] == ["sigma"]
    assert [s["setting"] for s in document["settings"]] == [
        "sigma 1", "sigma 2", "sigma 4", "sigma 8", "mask", "pixelate", "identity",
    ]  # fmt: skip
    assert [s["options"]["sigma"] for s in document["settings"]] == [1.0, 2.0, 4.0, 8.0, None, None, None]
    second = document["settings"][1]
    assert second["recognition"]["mtcc"]["deid_ratio_percent"]["value"] == found["blur (sigma=2.0)", "mtcc"]
    likeness = [s["quality"]["ssim"]["value"] for s in document["settings"][:4]]
    assert likeness == sorted(likeness, reverse=True)  # the stronger the blur, the less alike
    ratios = [s["recognition"]["mtcc"]["deid_ratio_percent"]["value"] for s in document["settings"][:4]]
    assert ratios == sorted(ratios)  # and the further from its person
    assert second["quality"]["fid"]["value"] is None
    assert second["quality"]["fid"]["reason"]

    with (out / "ablation.csv").open(newline="", encoding="utf-8") as file:
        rows = {(r["table"], r["setting"], r["recognizer"], r["metric"]): r for r in csv.DictReader(file)}
    assert len(rows) == 7 * (2 * 3 + 6 + 5)
    row = rows["recognition", "sigma 2", "mtcc", "deid_ratio_percent"]
    assert (float(row["value"]), row["sigma"]) == (found["blur (sigma=2.0)", "mtcc"], "2")
    assert rows["recognition", "mask", "mtcc", "deid_ratio_percent"]["sigma"] == ""
    assert rows["quality", "mask", "", "fid"]["value"] == ""
    assert rows["quality", "mask", "", "fid"]["reason"]

    page = (out / "ablation.html").read_text()
    assert "blur by sigma on numbered" in page
    assert page.count("<polygon class='mark series1'") + page.count("<circle class='mark series0'") == 2 * (
        6 + 1
    )  # the control is in the tables alone; one of each is the legend
    table = (out / "ablation.tex").read_text()
    assert table.count(r"\begin{table}") == 3
    assert "sigma 2 & " in table
    assert table.count("Setting & ") == 3


@pytest.mark.slow
def test_a_stored_ablation_is_reported_again(palms: Path, elsewhere: Path) -> None:
    code, text = run(
        "ablate", "--engine", "blur", "--vary", "sigma=2,8", "--dataset", f"numbered:{palms},kind=roi", "--quiet",
        "--recognizer", "palmcode", "--compare", "none", "--output", "out", "--isolate",
    )  # fmt: skip
    assert code == 0, text
    again = elsewhere / "again"
    assert run("report", "latest", "--format", "ablation", "--output", again)[0] == 0
    for kind in ("html", "csv", "json", "tex"):
        assert (again / f"ablation.{kind}").read_bytes() == (elsewhere / "out" / f"ablation.{kind}").read_bytes()
