"""Whatever an engine does, the audit gets its other engines' numbers and says what happened."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import numpy as np
import pytest

from deidkit.api import audit
from deidkit.hand import AnalyzedImage
from deidkit.images import read_image
from deidkit.pipeline import remote
from deidkit.pipeline.engine_calls import EngineCall
from deidkit.pipeline.plugin_warnings import PluginWarnings
from deidkit.pipeline.process_state import ProcessState
from deidkit.plugins import Loaded, create
from deidkit.protocols import Dataset, Engine, Failure, Image, Sample
from deidkit.testing.examples import ExampleImage

HEAD = """
import ctypes, gc, itertools, locale, logging, multiprocessing, os, random, resource, signal, socket, sys, threading, warnings
import cv2
import numpy as np
from deidkit.errors import SampleError, UsageError
from deidkit.protocols import Failure

class Engine:
    version, deterministic, diverse, batch_size, control = "1", True, False, 2, False

    def one(self, image):
        return 255 - image.pixels

    def deidentify(self, images, seeds):
        return [[self.one(image) for _ in seeds] for image in images]

class Panic(BaseException):
    pass
"""

RETURNS = {
    "nothing": "return None",
    "a number": "return 7",
    "a text": "return 'done'",
    "an empty list": "return []",
    "one picture too few": "return super().deidentify(images, seeds)[:-1]",
    "one picture too many": "return [*super().deidentify(images, seeds), []]",
    "one seed too many": "return [items * 2 for items in super().deidentify(images, seeds)]",
    "no seed": "return [[] for _ in images]",
    "an endless iterator": "return itertools.repeat(itertools.repeat(images[0].pixels))",
    "endless seeds": "return [itertools.repeat(image.pixels) for image in images]",
    "a generator that raises": "yield [1]; raise RuntimeError('later')",
    "none in place of pictures": "return [[None] for _ in images]",
    "a dictionary": "return {0: 1}",
    "arrays of objects": "return [[np.array([[[object()] * 3]])] for _ in images]",
    "arrays of floats": "return [[image.pixels / 255] for image in images]",
    "arrays of 16 bits": "return [[image.pixels.astype(np.uint16)] for image in images]",
    "four channels": "return [[np.dstack([image.pixels, image.pixels[:, :, :1]])] for image in images]",
    "grey": "return [[image.pixels[:, :, 0]] for image in images]",
    "smaller pictures": "return [[image.pixels[1:]] for image in images]",
    "empty pictures": "return [[image.pixels[:0]] for image in images]",
    "five dimensions": "return [[image.pixels[None, None]] for image in images]",
    "complex numbers": "return [[image.pixels.astype(complex)] for image in images]",
}
RAISES = {
    "an error": "raise RuntimeError('no')",
    "a base exception": "raise Panic('rust')",
    "system exit 0": "sys.exit(0)",
    "system exit": "raise SystemExit",
    "exit of builtins": "raise SystemExit('bye')",
    "generator exit": "raise GeneratorExit",
    "stop iteration": "raise StopIteration",
    "recursion": "return self.deidentify(images, seeds)",
    "out of memory": "raise MemoryError",
    "a failed assertion": "assert False",
    "an error without text": "raise ValueError",
    "an error whose text raises": "raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})()",
    "an error with escapes": "raise RuntimeError('\\x1b[2J')",
    "a sample error": "raise SampleError('not today')",
    "an exception group": "raise ExceptionGroup('several', [ValueError('a')])",
    "a warning as error": "warnings.simplefilter('error'); warnings.warn('no')",
    "writes into read-only pixels": "images[0].pixels[:] = 0",
    "asks for what there is not": "return images[0].nothing",
    "closed file": "open(os.devnull).close().read()",
    "division by zero": "1 / 0",
}
CHANGES = {
    "the working directory": "os.chdir('/')",
    "a removed working directory": "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')",
    "an environment variable": "os.environ['HOME'] = '/nowhere'",
    "all of the environment": "os.environ.clear()",
    "python's random numbers": "random.seed(1)",
    "numpy's random numbers": "np.random.seed(1)",
    "pixels through memory": "ctypes.memset(images[0].pixels.ctypes.data, 0, images[0].pixels.nbytes)",
    "keypoints": "[hand.keypoints.fill(0) for image in images for hand in image.hands]",
    "prints": 'print(\'{"verdict": "PASS"}\')',
    "prints beneath python": "os.write(1, b'{}')",
    "prints errors": "print('x' * 1000, file=sys.stderr)",
    "a thread that raises": "thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()",
    "numpy's error state": "np.seterr(all='ignore')",
    "the recursion limit": "sys.setrecursionlimit(500)",
    "the search path": "sys.path.insert(0, '/nowhere')",
    "signal handlers": "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "the time-out of sockets": "socket.setdefaulttimeout(1)",
    "streams": "sys.stdout = None",
    "functions of NumPy": "np.sqrt = np.exp",
    "warning filters": "warnings.filterwarnings('error', 'of this engine alone')",
    "a process forked and forgotten": "os.fork()",
    "a closed descriptor": "ctypes.CDLL(None).close(2)",
    "errors in place of output": "os.dup2(2, 1)",
    "the limit of open files": "resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))",
    "an alarm": "signal.alarm(1)",
    "the modes of files": "os.umask(0o777)",
    "exception hooks": "threading.excepthook = None",
    "what is logged": "logging.disable(50)",
    "garbage": "gc.disable()",
    "threads of OpenCV": "cv2.setNumThreads(7)",
    "how processes are started": "multiprocessing.set_start_method('spawn', force=True)",
    "the locale": "locale.setlocale(locale.LC_ALL, 'C.UTF-8' if locale.setlocale(locale.LC_ALL) == 'C' else 'C')",
}
NAMED = {
    "the working directory": "the working directory",
    "a removed working directory": "the working directory",
    "an environment variable": "environment variables",
    "all of the environment": "environment variables",
    "python's random numbers": "Python's random numbers",
    "numpy's random numbers": "NumPy's random numbers",
    "numpy's error state": "NumPy's error state",
    "the recursion limit": "the recursion limit",
    "the search path": "the module search path",
    "signal handlers": "signal handlers",
    "the time-out of sockets": "the socket timeout",
    "streams": "the output streams",
    "functions of NumPy": "replaced functions",
    "warning filters": "warning filters",
    "a closed descriptor": "the output streams",
    "errors in place of output": "the output streams",
    "the limit of open files": "limits of the process",
    "an alarm": "an alarm",
    "the modes of files": "the umask",
    "exception hooks": "exception hooks",
    "what is logged": "whether logging is disabled",
    "garbage": "whether garbage is collected",
    "threads of OpenCV": "the number of threads of OpenCV",
    "how processes are started": "the process start method",
    "the locale": "the locale",
}
"""Change -> what is said of it."""

ENDS = {
    "os._exit": "os._exit(0)",
    "exit of the C library": "ctypes.CDLL(None).exit(0)",
    "a segmentation fault": "ctypes.string_at(0)",
    "an abort": "os.abort()",
    "a kill": "os.kill(os.getpid(), signal.SIGKILL)",
    "a closed descriptor": "[os.close(n) for n in range(3, 4096) if os.path.exists(f'/proc/self/fd/{n}')]",
}
SIMILAR_ENDS = {"exit of the C library", "an abort"}
BEHAVIOURS = {**RETURNS, **RAISES, **CHANGES}
assert len({**BEHAVIOURS, **ENDS}) >= 60


@pytest.fixture
def images() -> list[AnalyzedImage]:
    noise = np.random.default_rng(3).integers(0, 256, (3, 40, 48, 3), dtype=np.uint8)
    return [ExampleImage(Sample(f"{n}.png", str(n), kind="roi"), pixels) for n, pixels in enumerate(noise)]  # type: ignore[misc]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProcessState:
    """The process as it is; what a test leaves changed is a failure of isolation."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # pytest changes it meanwhile
    random.seed(5)
    np.random.seed(5)
    return ProcessState.now()


def written(folder: Path, body: str) -> str:
    indented = "\n".join(f"        {line.strip()}" for line in body.split("; "))
    returned = "" if "return" in body or "yield" in body else "\n        return super().deidentify(images, seeds)"
    method = f"    def deidentify(self, images, seeds):\n{indented}{returned}\n"
    (folder / "odd.py").write_text(f"{HEAD}\nclass Odd(Engine):\n{method}")
    return f"{folder}/odd.py:Odd"


def results(engine: Loaded[Engine], images: list[AnalyzedImage], state: ProcessState) -> tuple[list, list[str]]:
    said = PluginWarnings()
    return EngineCall(engine, [0], said, state).run(images), [*said.sentences, *said.notes]


def digest(items: list) -> str:
    return hashlib.sha256(b"".join(item.tobytes() for row in items for item in row)).hexdigest()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("name", sorted(BEHAVIOURS))
def test_an_engine_moves_nothing_of_another(
    name: str, tmp_path: Path, images: list[AnalyzedImage], state: ProcessState
) -> None:
    before = digest(results(create("engine", "identity"), images, state)[0])
    before_it = (random.getstate(), sys.getrecursionlimit(), np.geterr(), list(sys.path))
    handler = signal.getsignal(signal.SIGTERM)
    odd = create("engine", written(tmp_path, BEHAVIOURS[name]))
    made, sentences = results(odd, images, state)
    assert [len(row) for row in made] == [1, 1, 1]
    if name in {**RETURNS, **RAISES}:
        assert all(isinstance(item, Failure) for row in made for item in row), made
        assert sentences or name == "a sample error"
        assert "\x1b" not in "".join(sentences)
    assert NAMED.get(name, "") in " ".join(sentences)
    assert np.sqrt(4) == 2
    assert Path.cwd() == tmp_path
    assert {name: os.environ.get(name) for name in state.environment} == dict(state.environment)
    assert (random.getstate(), sys.getrecursionlimit(), np.geterr(), sys.path) == before_it
    assert ("error", None, Warning, None, 0) in warnings.filters and signal.getsignal(signal.SIGTERM) == handler
    assert digest(results(create("engine", "identity"), images, state)[0]) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.nightly if name in SIMILAR_ENDS else ()) for name in ENDS]
)
def test_a_process_that_ends_is_the_engines_own(
    name: str, tmp_path: Path, images: list[AnalyzedImage], state: ProcessState
) -> None:
    engine = remote.create(written(tmp_path, ENDS[name]), lambda sentence: None)
    made, sentences = results(engine, images, state)
    engine.plugin.stop()
    assert all(isinstance(item, Failure) for row in made for item in row), made
    assert "ProcessEnded" in " ".join(sentences)


@pytest.mark.slow
def test_an_isolated_engine_makes_the_same_pictures(
    tmp_path: Path, images: list[AnalyzedImage], state: ProcessState
) -> None:
    here = create("engine", written(tmp_path, "pass"))
    there = remote.create(f"{tmp_path}/odd.py:Odd", lambda sentence: None)
    assert digest(results(there, images, state)[0]) == digest(results(here, images, state)[0])
    assert there.component == here.component
    there.plugin.stop()


@pytest.mark.slow
def test_an_isolated_engine_sees_no_secret_of_deidkit(
    tmp_path: Path, images: list[AnalyzedImage], state: ProcessState, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DEIDKIT_SERVICE_DB", "DEIDKIT_TOKEN", "DEIDKIT_AUDIT_DB", "DEIDKIT_MODELS", "OTHER"):
        monkeypatch.setenv(name, str(tmp_path))
    engine = remote.create(written(tmp_path, "raise SampleError(repr(sorted(os.environ)))"), lambda sentence: None)
    seen = str(results(engine, images[:1], state)[0])
    engine.plugin.stop()
    assert "DEIDKIT_MODELS" in seen and "OTHER" in seen
    assert not {"DEIDKIT_SERVICE_DB", "DEIDKIT_TOKEN", "DEIDKIT_AUDIT_DB"} & set(seen.split("'"))


@dataclass(frozen=True)
class Row(Sample):
    """A sample as a data set's own class gives it."""

    opened: object = None


@pytest.mark.slow
def test_an_isolated_engine_may_get_samples_of_a_data_sets_own_class(palms: Path) -> None:
    class Rows(Dataset):
        version = "1"

        def samples(self) -> list[Sample]:
            traits: Any = (("age", 30),)
            files = sorted(palms.glob("*.png"))
            return [Row(f.stem, f.stem[:4], kind="roi", path=f, traits=traits, opened=Lock()) for f in files]

        def read(self, sample: Sample) -> Image:
            assert sample.path is not None
            return read_image(sample.path)

        def digest(self, sample: Sample) -> str:
            return sample.key

    copied = audit(Rows(), "blur", "palmcode", attack="none", isolate=True).result.engines[0]
    assert copied.produced == copied.expected > 0


@pytest.mark.slow
def test_the_command_never_ends_well_without_a_report(tmp_path: Path) -> None:
    palms = tmp_path / "palms"
    palms.mkdir()
    for n in range(6):
        picture = np.random.default_rng(n).integers(0, 256, (150, 150), dtype=np.uint8)
        cv2.imwrite(str(palms / f"{n // 2:04}_{n % 2:04}.png"), cv2.GaussianBlur(picture, (0, 0), 2))
    for body, more in (("os._exit(0)", []), ("ctypes.CDLL(None).exit(0)", ["--isolate"])):
        command = [
            "audit",
            "--dataset",
            f"numbered:{palms},kind=roi",
            "--engine",
            written(tmp_path, f"print(1); {body}"),
        ]
        command += ["--recognizer", "palmcode", "--attack", "none", "--quiet", "--json", *more]
        done = subprocess.run([sys.executable, "-m", "deidkit", *command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 2, done.stderr
        assert json.loads(done.stdout)["engines"][0]["produced"] == 0
