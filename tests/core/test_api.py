"""deidkit from Python: its functions, their arguments, scores, threads and processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from deidkit import api
from deidkit.errors import DeidkitError, SampleError, UsageError
from deidkit.pipeline import temporary_folder
from deidkit.pipeline.lock import exclusive
from deidkit.protocols import Image

from .conftest import run


def test_importing_deidkit_imports_nothing_heavy() -> None:
    script = "import sys, deidkit; print([name for name in ('numpy', 'cv2', 'click') if name in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_pictures_are_matched_and_de_identified(palms: Path, tmp_path: Path) -> None:
    files = sorted(palms.iterdir())[:3]
    same, _, other = (pair.distance for pair in api.match(files, "compcode", roi=True))
    assert same < other
    done = api.deidentify(palms, tmp_path / "copies", lambda picture: 255 - picture, kind="roi")
    assert done.count("written") == 16 and not done.failed
    written = cv2.imread(str(tmp_path / "copies" / files[0].name))
    assert np.array_equal(written, 255 - cv2.imread(str(files[0])))


def test_metrics_of_scores(palms: Path) -> None:
    found = api.metrics({"genuine": [0.1, 0.2, 0.3], "impostor": [0.25, 0.6, 0.7, 0.8]})
    assert found["d_prime_genuine_impostor"].value == pytest.approx(2.4597494305884413)


def test_similarities_that_are_given_as_distances_are_noticed() -> None:
    with pytest.warns(UserWarning, match="if they are similarities, give them negated"):
        api.metrics({"genuine": [0.8, 0.9], "impostor": [0.1, 0.2, 0.3]})
    assert api.metrics({"genuine": [-0.8, -0.9], "impostor": [-0.1, -0.2, -0.3]})["eer_percent"].value == 0


def test_scores_that_give_no_numbers_are_no_array() -> None:
    class Tensor:
        def __array__(self, *_: object, **__: object) -> None:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    with pytest.raises(UsageError, match="scores 'genuine' are not an array of numbers"):
        api.metrics({"genuine": Tensor(), "impostor": [0.5]})  # type: ignore[dict-item]


def test_one_requirement_needs_no_list() -> None:
    with pytest.raises(UsageError, match="the requirement 'RR > 95' is not of the form"):
        api.audit("synthetic:2", "blur", "edm", requirements="RR > 95")


def test_subjects_of_scores_are_called_anything() -> None:
    rng = np.random.default_rng(0)
    genuine, impostor = rng.normal(0.3, 0.1, 60), rng.normal(0.6, 0.1, 300)
    people, pairs = np.arange(60) % 12, rng.integers(0, 12, (300, 2))
    plain = api.metrics({"genuine": genuine, "impostor": impostor}, {"genuine": people, "impostor": pairs})
    assert plain["eer_percent"].subjects == 12 and plain["eer_percent"].low is not None
    for called in (lambda who: who * 2**40, lambda who: (who + 10).astype(str)):  # type: ignore[no-any-return]
        subjects = {"genuine": called(people), "impostor": called(pairs)}
        assert api.metrics({"genuine": genuine, "impostor": impostor}, subjects)["eer_percent"] == plain["eer_percent"]
    mixed = {"genuine": [f"{one}.0" for one in people], "impostor": pairs}  # one of the tables had empty cells
    assert api.metrics({"genuine": genuine, "impostor": impostor}, mixed)["eer_percent"] == plain["eer_percent"]
    names = np.array(["a", *range(1, 12)], object)
    named = {"genuine": names[people], "impostor": names[pairs]}
    assert api.metrics({"genuine": genuine, "impostor": impostor}, named)["eer_percent"] == plain["eer_percent"]
    nobody = api.metrics({"genuine": genuine, "impostor": impostor})["eer_percent"]
    assert (nobody.value, nobody.low, nobody.subjects) == (plain["eer_percent"].value, None, None)


@pytest.mark.parametrize(
    ("scores", "subjects", "said"),
    [
        ({"genuine": [0.1, np.nan], "impostor": [0.5]}, None, "1 scores 'genuine' are not finite numbers"),
        ({"geniune": [0.1], "impostor": [0.5]}, None, "'geniune' is not a kind of score"),
        ({"genuine": [0.1], "impostor": [0.5]}, {"genuine": [1]}, "'impostor' has scores or subjects, not both"),
        ({"genuine": [0.1]}, {"genuine": [1, 2]}, "1 scores 'genuine' do not fit subjects of shape"),
        ({"genuine": [[0.1]]}, None, "not of one axis"),
        ({"genuine": [0.1]}, {"genuine": [[1, 2]]}, "a score 'genuine' is of two subjects"),
        ({}, {}, "there are no scores"),
        ({"genuine": ["a"]}, None, "scores 'genuine' are not an array of numbers"),
        ({"genuine": [0.1]}, {"genuine": 3}, r"1 scores 'genuine' do not fit subjects of shape \(\)"),
        ({"genuine": [0.1, 0.2]}, {"genuine": [[1, 1], [2]]}, "subjects of 'genuine' are not an array"),
        ({"genuine": [0.1, 0.2]}, {"genuine": [1, np.nan]}, "a score 'genuine' has no subject"),
        ({"genuine": [0.1, 0.2]}, {"genuine": [1, None]}, "a score 'genuine' has no subject"),
        ({"impostor": [0.1]}, {"impostor": [1]}, r"'impostor' compares two people; give its subjects as \(n, 2\)"),
        ({"genuine": np.ma.array([0.1, 9.0], mask=[0, 1])}, None, "some scores 'genuine' are masked"),
        (
            {"genuine": [0.1, 0.2]},
            {"genuine": np.ma.array([1, 2], mask=[0, 1])},
            "some subjects of 'genuine' are masked",
        ),
        ({"genuine": [0.1 + 1j]}, None, "scores 'genuine' are not an array of numbers"),
        ({"genuine": np.array(["2026-11-30"], "M8[D]")}, None, "scores 'genuine' are not an array of numbers"),
        ({"genuine": [0.1, -1e308]}, None, "1 scores 'genuine' are not finite numbers, or 1e"),
        (np.array([0.1]), None, "scores are a mapping from kinds, not an object of type ndarray"),
    ],
)
def test_scores_that_are_none_are_refused(scores: dict, subjects: dict | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        api.metrics(scores, subjects)


def test_subjects_who_may_be_one_person_are_warned_of() -> None:
    scores = {"genuine": [0.1, 0.2, 0.15], "impostor": [0.5, 0.6]}
    subjects = {"genuine": ["Anna", "anna", "Bo"], "impostor": [["Anna", "Bo"], ["anna", "Bo"]]}
    with pytest.warns(UserWarning, match="1 groups of subjects differ only by letter case.*'Anna' and 'anna'"):
        assert api.metrics(scores, subjects)["eer_percent"].subjects == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"roi_from": "Original"}, "roi_from is 'Original'; it takes 'deidentified' or 'original'"),
        ({"small_pictures": "publish"}, "small_pictures is 'publish'; it takes 'keep' or 'published'"),
        ({"palm": None}, "palm is None; it takes 'paper' or"),
        ({"seeds": 0}, "seeds is 0; it takes 1 or more"),
        ({"seeds": "2"}, "seeds is '2'; it takes a whole number"),
        ({"seeds": True}, "seeds is True; it takes a whole number"),
        ({"seeds": [0, 1]}, r"seeds is \[0, 1\]; it takes a whole number"),
        ({"threads": 0}, "threads is 0; it takes 1 or more"),
        ({"sample_pairs": 1.5}, "sample_pairs is 1.5; it takes a whole number or None"),
        ({"attack_budget": "3"}, "attack_budget is '3'; it takes a number"),
        ({"include_originals": "no"}, "include_originals is 'no'; it takes True or False"),
        ({"isolate": 1}, "isolate is 1; it takes True or False"),
        ({"requirements": [3]}, r"requirements is \(3,\); it takes a list of texts"),
        ({"policy": 3}, "policy is 3; it takes a text"),
        ({"exclude": 3}, "exclude is 3; it takes a path or None"),
        ({"cluster": 2}, "cluster is 2; it takes a text"),
        ({"output": 3}, "output is 3; it takes a path"),
        ({"db": 3}, "db is 3; it takes a text"),
        ({"recogniser": "mtcc"}, r"audit\(\) has no option 'recogniser'"),
        ({"attaks": "none"}, r"audit\(\) has no option 'attaks'. Did you mean 'attack'\?"),
    ],
)
def test_an_option_of_another_kind_is_no_other_audit(options: dict, said: str, palms: Path) -> None:
    with pytest.raises(UsageError, match=said):
        api.audit(f"numbered:{palms},kind=roi", "mask", "edm", **options)


@pytest.mark.slow
def test_options_may_be_of_numpy_and_paths_texts(palms: Path, tmp_path: Path) -> None:
    (tmp_path / "left-out.csv").write_text("key,reason\n0001_0001.png,blurred\n")
    exclude = str(tmp_path / "left-out.csv")
    options = {"seeds": np.int64(1), "threads": np.int32(2), "attack_budget": np.float32(5), "exclude": exclude}
    assert run(palms, "mask", **options, isolate=np.bool_(False)).result.dataset.samples == 15


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        ([np.zeros((9, 9, 3)), "a.png"], "picture 0 is an array of float64 instead of RGB pixels"),
        (["a.png", np.zeros((9, 9), np.uint8)], "picture 1 is an array of 2 axes"),
        ([b"GIF"], "picture 0 is an object of type bytes"),
        ("hands/", "match takes a list of pictures"),
        (None, "match takes a list of pictures"),
        (["a.png"], "match needs at least two pictures"),
    ],
)
def test_what_is_no_picture_is_not_matched(pictures: list, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        api.match(pictures)
    with pytest.raises(UsageError, match="roi is 'no'; it takes True or False"):
        api.match([np.zeros((9, 9, 3), np.uint8)] * 2, roi="no")  # type: ignore[arg-type]


def test_options_of_de_identification_are_checked(palms: Path, tmp_path: Path) -> None:
    for options, said in (
        ({"seed": 1}, "Did you mean 'seeds'"),
        ({"threads": 0}, "1 or more"),
        ({"kind": "palm"}, "kind"),
    ):
        with pytest.raises(UsageError, match=said):
            api.deidentify(palms, tmp_path / "copies", "mask", **options)
    with pytest.raises(UsageError, match="source is None; it takes a path"):
        api.deidentify(None, tmp_path / "copies", "mask")  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_functions_are_those_of_the_package(palms: Path) -> None:
    import deidkit

    for _ in range(2):  # a module of the same name must not take a function's place
        found = deidkit.audit(f"numbered:{palms},kind=roi", "mask", "edm", attack="none")
        assert callable(deidkit.audit) and callable(deidkit.metrics) and callable(deidkit.match)
    assert found.verdict.status == "NO REQUIREMENT"


@pytest.mark.slow
def test_an_audit_that_an_engine_asks_for_in_a_thread_of_another_is_refused(palms: Path) -> None:
    def asks(picture: np.ndarray) -> np.ndarray:
        run(palms, "blur")
        return picture

    with pytest.raises(UsageError, match="a plugin started an audit within an audit"):
        run(palms, asks, threads=2)


@pytest.mark.slow
def test_threads_get_their_audits_one_after_another(palms: Path) -> None:
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda engine: run(palms, engine), ["mask", "blur", "mask"]))
    ratios = [one.metric("deid_ratio_percent").value for one in found]
    assert ratios[0] == ratios[2] != ratios[1]
    assert not [note for one in found for note in one.result.notes if "of the process" in note]


@pytest.mark.slow
def test_a_script_whose_processes_would_start_others_is_told(palms: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    script = tmp_path / "script.py"
    call = f"deidkit.audit('numbered:{palms},kind=roi', 'mask', 'edm', attack='none', cluster='local:1')"
    script.write_text(f"import deidkit\n{call}\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith('it has to call deidkit below if __name__ == "__main__".')


@pytest.mark.slow
def test_processes_that_cannot_be_started_say_why(palms: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dask = pytest.importorskip("dask")
    with dask.config.set(temporary_directory="/dev/null/nowhere"), pytest.raises(UsageError, match="Not a directory"):
        run(palms, "mask", cluster="local:1")


def test_a_working_directory_that_was_removed_is_named(palms: Path, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    code = (
        "import deidkit, os; os.rmdir(os.getcwd())\n"
        f"for call in (lambda: deidkit.audit('numbered:{palms},kind=roi', 'mask', 'edm'),\n"
        f"             lambda: deidkit.deidentify('{palms}', '{tmp_path}/copies', 'mask', kind='roi')):\n"
        "    try: call()\n"
        "    except deidkit.errors.UsageError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path / "gone", capture_output=True, text=True)
    assert done.stdout == 2 * "the working directory no longer exists; change to another.\n"


def test_a_function_that_raises_is_heard_without_progress(palms: Path, tmp_path: Path) -> None:
    def fails(picture: Image) -> Image:
        raise ValueError("no table\nfor this palm")

    done = api.deidentify(palms, tmp_path / "copies", fails, kind="roi")
    assert {one.reason for one in done.failed} == {"the engine raised ValueError: no table for this palm"}
    found = run(palms, fails)
    assert any("raised ValueError: no table for this palm" in message for message in found.messages)
    assert "no table" not in repr(found.result)  # the text may hold a name, so it is not stored


def test_errors_name_arguments_not_options_of_the_command_line(palms: Path, tmp_path: Path) -> None:
    def said(call: Callable[[], object]) -> str:
        with pytest.raises(DeidkitError) as caught:
            call()
        return str(caught.value)

    absent = f"there is no score store at {tmp_path / 'none.db'}; run an audit first, or name it with db."
    assert said(lambda: api.load(db=tmp_path / "none.db")) == absent
    assert said(lambda: api.compare("a", "b", db=tmp_path / "none.db")) == absent
    budget = "attack_budget 0 leaves no time; give seconds above 0."
    assert said(lambda: api.audit(str(palms), "blur", "edm", attack_budget=0)) == budget
    none = "an audit needs at least one engine; see: deidkit plugins --kind engine"
    assert said(lambda: api.audit(str(palms), [])) == none
    api.deidentify(palms, tmp_path / "copies", "mask", kind="roi")
    assert "allow overwrite=True" in said(lambda: api.deidentify(palms, tmp_path / "copies", "blur", kind="roi"))


def test_a_recognizer_of_hands_refuses_palm_regions(palms: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'deep': pip install '.[deep]'")
    with pytest.raises(DeidkitError, match="leave out roi=True"):
        api.match(2 * sorted(palms.iterdir())[:1], "eehnet", roi=True)


def test_progress_is_lines_for_whoever_asks(
    palms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deidkit.progress_lines.SHORTEST_STAGE_SECONDS", 0.0)
    api.deidentify(palms, tmp_path / "copies", "blur", kind="roi")
    assert capsys.readouterr() == ("", "")
    api.deidentify(palms, tmp_path / "again", "blur", kind="roi", progress=True)
    said = capsys.readouterr()
    assert said.out == "" and "16/16 in " in said.err
    with pytest.raises(UsageError, match="progress is True, False or an object like"):
        api.audit("synthetic:2", "blur", progress="yes")  # type: ignore[arg-type]


def test_a_picture_that_cannot_be_matched_is_told_by_its_place(palms: Path, tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="picture 1 cannot be compared: the file is missing"):
        api.match([sorted(palms.iterdir())[0], tmp_path / "none.png"], "compcode", roi=True)


def test_what_killed_processes_left_in_temporary_folders_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("killed", "young", "running", "another"):
        folder = tmp_path / f"{'' if name == 'another' else 'deidkit-audit-'}{name}"
        folder.mkdir()
        (folder / "deidkit.db").touch()
        (folder / ".deidkit.lock").touch()
        if name != "young":
            os.utime(folder, (0, 0))
    with exclusive(tmp_path / "deidkit-audit-running"), temporary_folder() as mine:
        assert {path.name for path in tmp_path.iterdir()} == {
            mine.name, "another", "deidkit-audit-young", "deidkit-audit-running",
        }  # fmt: skip
    assert not mine.exists()
