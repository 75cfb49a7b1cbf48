"""The suites notice each broken promise, and nothing else."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent

NOTICED = {
    "Fine": "",
    "WritesIntoItsInput": "test_leaves_the_originals_alone",
    "ReturnsItsInput": "test_changes_the_palm_unless_it_is_a_control",
    "ReturnsAView": "test_leaves_the_originals_alone",
    "Shrinks": "test_results_are_pictures_of_the_same_size_or_failures",
    "ReturnsFloats": "test_results_are_pictures_of_the_same_size_or_failures",
    "ForgetsTo255": "test_keeps_the_light_and_the_order_of_colours",
    "ExchangesRedAndBlue": "test_keeps_the_light_and_the_order_of_colours",
    "ForgetsItsSeed": "test_a_seed_gives_the_same_picture_whatever_else_is_asked_for",
    "DependsOnItsBatch": "test_a_seed_gives_the_same_picture_whatever_else_is_asked_for",
    "IsNotThreadSafe": "test_threads_give_the_same_pictures",
    "ClaimsToBeDiverse": "test_seeds_do_what_is_claimed",
    "HidesThatItIsDiverse": "test_seeds_do_what_is_claimed",
    "RaisesWithoutAHand": "test_one_picture_without_a_hand_does_not_take_the_others_with_it",
    "AlwaysFails": "test_makes_pictures_of_drawn_hands",
    "NamesTheFile": "test_results_are_pictures_of_the_same_size_or_failures",
    "HasNoVersion": "test_has_a_version",
    "FineDistance": "",
    "IsASimilarity": "test_nothing_is_closer_than_the_same_picture",
    "IsAsymmetric": "test_distances_are_symmetric",
    "LeavesItsRange": "test_distances_are_a_block_within_the_range",
    "NormalisesItsBatch": "test_a_template_does_not_depend_on_its_batch",
    "NormalisesItsBlock": "test_a_distance_does_not_depend_on_its_block",
    "GivesALine": "test_distances_are_a_block_within_the_range",
}


REGIONS = """
import pytest
from deidkit.testing import roi_images

class TestReadyRegions(EngineConformance):
    plugin = "./broken_plugins.py:Blackens"

    @pytest.fixture
    def images(self):
        return roi_images()[:4]
"""


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory, distribution: Callable[..., Path]) -> str:
    """What pytest prints about all of them, installed as somebody's distribution."""
    engines, recognizers = list(NOTICED)[: list(NOTICED).index("FineDistance")], list(NOTICED)[-7:]
    groups = {"engines": engines, "recognizers": recognizers}
    lines = [f"[deidkit.{g}]\n" + "".join(f"{n} = broken_plugins:{n}\n" for n in names) for g, names in groups.items()]
    code = (HERE / "broken_plugins.py").read_text()
    site = distribution(tmp_path_factory.mktemp("site"), "broken_plugins", code, "\n".join(lines))
    tests = ["from deidkit.testing import EngineConformance, RecognizerConformance"]
    for suite, names in (("EngineConformance", engines), ("RecognizerConformance", recognizers)):
        tests += [f"class Test{name}({suite}):\n    plugin = '{name}'" for name in names]
    tests.append("class TestFineByItsFile(EngineConformance):\n    plugin = './broken_plugins.py:Fine'")
    tests.append(REGIONS)
    (site / "test_broken.py").write_text("\n".join(tests))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rf", "-p", "no:cacheprovider", "--tb=short", "test_broken.py"],
        capture_output=True,
        text=True,
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(site)},
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_plugin_of_a_file_needs_no_entry_point(output: str) -> None:
    assert "test_broken.py::TestFineByItsFile" not in output


@pytest.mark.slow
def test_ready_regions_may_change_as_a_whole(output: str) -> None:
    assert "TestReadyRegions" not in output


@pytest.mark.slow
def test_what_is_wrong_is_said_in_a_sentence(output: str) -> None:
    assert "the engine returned an array of float64 instead of RGB pixels in uint8, height x width x 3" in output
    assert "red and blue are exchanged: pictures are RGB, and OpenCV's BGR" in output
    assert "pictures in 0..1 must be multiplied by 255 to become uint8" in output


@pytest.mark.slow
@pytest.mark.parametrize("plugin", NOTICED)
def test_each_broken_promise_is_noticed(output: str, plugin: str) -> None:
    failed = set(re.findall(rf"^FAILED \S+::Test{plugin}::(\w+)", output, re.MULTILINE))
    if NOTICED[plugin]:
        assert NOTICED[plugin] in failed
    else:
        assert not failed


@pytest.mark.slow
def test_a_failure_shows_the_values(output: str) -> None:
    """Without pytest's rewriting of assertions, it would say AssertionError and no more."""
    assert re.search(r"^E +\+ +where \w+ = ", output, re.MULTILINE)


def test_without_pytest_the_remedy_is_named() -> None:
    hidden = "import sys; sys.modules['pytest'] = None; import deidkit.testing"
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True)
    assert "MissingDependency: deidkit.testing needs pytest. Install it with: pip install pytest" in done.stderr


def test_every_check_says_what_it_is_for() -> None:
    """The docstring is what a vendor reads first when a check fails."""
    from deidkit import testing

    suites = [suite for name, suite in vars(testing).items() if name.endswith("Conformance")]
    assert len(suites) == 9
    for suite in suites:
        for name, check in inspect.getmembers(suite, inspect.isfunction):
            assert not name.startswith("test_") or check.__doc__, f"{suite.__name__}.{name}"
