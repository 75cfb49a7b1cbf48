"""Whatever a plugin of any kind does, an audit ends with a report or a sentence, and never as if all were well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

KINDS = {
    "engine": "engines",
    "recognizer": "recognizers",
    "attacker": "attackers",
    "dataset": "datasets",
    "report": "reports",
    "measure": "quality_measures",
}
WHERE = (
    "engine", "recognizer", "comparison", "attacker", "data set", "reading", "report", "quality measure",
)  # fmt: skip
"""What is odd in turn."""

CHANGES = """
os.chdir("/")
os.environ["HOME"] = "/nowhere"
random.seed(1)
np.random.seed(1)
np.seterr(all="ignore")
sys.path.insert(0, "/nowhere")
socket.setdefaulttimeout(3)
sys.setrecursionlimit(900)
sys.stdout = None
"""
SYSTEM = """
os.umask(0o777)
os.nice(3)
resource.setrlimit(resource.RLIMIT_NOFILE, (40, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
gc.disable()
logging.disable(50)
cv2.setNumThreads(3)
multiprocessing.set_start_method("spawn", force=True)
warnings.simplefilter("error")
threading.excepthook = sys.excepthook = print
"""
ENDS = {
    "ends it after some time": "faulthandler.dump_traceback_later(0.1, exit=True); time.sleep(1)",
    "panics": "raise Panic('\\x1b[2J')",
    "leaves": "sys.exit(0)",
    "ends the process": "os._exit(0)",
    "becomes another program": "os.execv('/bin/true', ['true'])",
}
STAYS = {
    "changes what is everybody's": CHANGES,
    "prints": "print('{}'); os.write(1, b'{}')",
    "forks and forgets": "os.fork()",
    "closes what errors are told by": "os.close(2)",
    "closes output": "os.close(1)",
    "closes Python's errors": "sys.stderr.close(); sys.__stdout__.close()",
    "closes whatever is open": "os.closerange(3, 256)",
    "exchanges output": "os.dup2(os.open('/dev/null', os.O_RDWR), 1); os.dup2(1, 2)",
    "sets an alarm": "signal.alarm(1)",
    "changes the system's view": SYSTEM,
    "ends the end": "atexit.register(sys.exit, 0); atexit.register(lambda: os._exit(0))",
}
NAMES = {
    "changes what is everybody's": "the working directory",
    "closes what errors are told by": "which files are open",
    "closes output": "which files are open",
    "closes Python's errors": "the output streams",
    "closes whatever is open": "which files are open",
    "exchanges output": "the output streams",
    "sets an alarm": "an alarm",
    "changes the system's view": "the umask",
}
"""Behaviour -> what is said of it."""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    told: str

    @property
    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, distribution: Callable[..., Path]) -> Path:
    """A folder with the plugins as a distribution of their own."""
    code = (Path(__file__).parent / "odd_plugins.py").read_text()
    groups = [f"[deidkit.{group}]\nodd = odd_plugins:{name.title()}\n" for name, group in KINDS.items()]
    return distribution(tmp_path_factory.mktemp("site"), "odd_plugins", code, "\n".join(groups))


@pytest.fixture(scope="module")
def few(palms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("few")
    for file in sorted(palms.iterdir())[:18]:
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def run(site: Path, palms: Path, folder: Path, where: str, odd: str, more: Sequence[str] = ()) -> Done:
    environment = os.environ | {"PYTHONPATH": str(site), "ODD_WHERE": where, "ODD": odd, "OMP_NUM_THREADS": "1"}
    words = [
        "audit",
        "--dataset",
        f"odd:{palms},kind=roi",
        "--engine",
        "odd",
        "--engine",
        "blur",
        "--recognizer",
        "odd",
    ]
    words += ["--attack", "none", "--attacker", "odd", "--quality", "odd", "--format", "odd", "--quiet", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "deidkit", *words, "--db", "s.db", "--output", "out", *more],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert "Traceback" not in done.stderr and "\x1b" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def numbers(done: Done, engine: str) -> dict[str, Any]:
    return next(cell["metrics"] for cell in done.result["cells"] if cell["engine"].startswith(engine))


@pytest.fixture(scope="module")
def usual(site: Path, few: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    done = run(site, few, tmp_path_factory.mktemp("usual"), "nowhere", "")
    assert done.code == 0, done.told
    assert not [note for note in done.result["notes"] if "of the process" in note]
    return done


@pytest.mark.nightly
@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("what", [*ENDS, *STAYS])
def test_whatever_a_plugin_does(what: str, where: str, site: Path, few: Path, usual: Done, tmp_path: Path) -> None:
    check(what, where, run(site, few, tmp_path, where, {**ENDS, **STAYS}[what]), usual, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "where"),
    [
        ("changes what is everybody's", "engine"),
        ("panics", "attacker"),
        ("closes what errors are told by", "recognizer"),
    ],
)
def test_the_worst_of_it(what: str, where: str, site: Path, few: Path, usual: Done, tmp_path: Path) -> None:
    check(what, where, run(site, few, tmp_path, where, {**ENDS, **STAYS}[what]), usual, tmp_path)


@pytest.mark.nightly
def test_a_thread_that_is_forgotten_keeps_nobody(site: Path, few: Path, usual: Done, tmp_path: Path) -> None:
    done = run(site, few, tmp_path, "engine", "threading.Thread(target=lambda: time.sleep(10**6)).start()")
    assert done.code == 0 and (tmp_path / "out" / "report.json").exists()
    assert numbers(done, "odd") == numbers(usual, "odd")


@pytest.mark.slow
def test_nobody_is_blamed_for_what_deidkit_closes_late(few: Path, tmp_path: Path) -> None:
    """As in a worker, whose earlier audits are collected whenever Python likes, with output that goes to a file."""
    (tmp_path / "collects.py").write_text(
        "import gc\n"
        "class Collects:\n"
        "    version, deterministic, diverse, batch_size, control = '1', True, False, 1, False\n"
        "    def deidentify(self, images, seeds):\n"
        "        gc.collect()\n"
        "        return [[255 - image.pixels] for image in images]\n"
    )
    twice = (
        "import gc, sys\n"
        "gc.disable()\n"
        "from deidkit.cli import main\n"
        "for out in ('one', 'two'):\n"
        "    main([*sys.argv[1:], '--output', out], standalone_mode=False)\n"
    )
    words = ["audit", "--dataset", f"numbered:{few},kind=roi", "--engine", f"{tmp_path}/collects.py:Collects"]
    words += ["--recognizer", "compcode", "--attack", "none", "--db", "s.db"]
    with (tmp_path / "printed").open("w") as printed:
        done = subprocess.run(
            [sys.executable, "-c", twice, *words], cwd=tmp_path, stdout=printed, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 0 and (tmp_path / "two" / "report.json").exists(), done.stderr
    assert "which files are open" not in done.stderr + (tmp_path / "printed").read_text()


def check(what: str, where: str, done: Done, usual: Done, folder: Path) -> None:
    report = folder / "out" / "report.json"
    if what in ENDS:
        assert done.code == 2 or (where == "attacker" and done.code == 0), done.told
        if done.code == 2:
            assert done.told.strip()
        assert report.exists() or not done.out
        return
    assert done.code == 0, done.told
    assert report.exists()
    for engine in ("odd", "blur"):
        assert numbers(done, engine) == numbers(usual, engine)
    if what in NAMES and where != "report":
        named = " ".join(note for note in done.result["notes"] if "of the process" in note)
        assert NAMES[what] in named
        if what == "changes what is everybody's" and where == "engine":  # the others may run beside it
            assert "NumPy's random numbers" in named
        assert done.result["verdict"] == usual.result["verdict"]
