"""WiLoR in a separate process: starts it, sends pictures and reads hands; `wilor_worker` documents the messages."""

from __future__ import annotations

import json
import subprocess
import sys
import weakref
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Any

from deidkit.errors import MissingDependency, MissingModel, PluginError, SampleError, UsageError
from deidkit.protocols import Image
from deidkit.redaction import environment_of_others

SECONDS_TO_END = 5.0

INSTALL = (
    "install it in an environment of its own and name its interpreter, as analyzers/README.md says: "
    "--analyzer wilor:python=PATH/bin/python; or use --analyzer mediapipe"
)


class WilorProcess:
    """A running WiLoR process, which handles one picture at a time.

    Attributes:
        about: Versions of the package, torch and Python, and the device, by name.
    """

    def __init__(self, python: Path | None, folder: Path, device: str, confidence: float) -> None:
        """Start the process and wait until it is ready.

        Args:
            python: Interpreter of the environment with wilor_mini; None for the current one.
            folder: Folder of WiLoR's files.
            device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
            confidence: Minimum score of a detection.

        Raises:
            UsageError: There is no such interpreter.
            MissingDependency: A package is missing in its environment.
            MissingModel: WiLoR cannot be loaded.
        """
        self._lock, self._stderr = Lock(), TemporaryFile()  # noqa: SIM115 - closed by `_end`
        source = files("deidkit_analyzers").joinpath("wilor_worker.py").read_text(encoding="utf-8")
        interpreter = str(python.absolute() if python else sys.executable)
        words = [interpreter, "-c", source, str(folder), device, str(confidence)]
        try:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=environment_of_others(),
                cwd=folder,  # a folder without importable modules
                start_new_session=True,  # not interrupted by Ctrl-C; it ends when its input closes
            )
        except OSError as error:
            self._stderr.close()
            raise UsageError(f"the interpreter {interpreter} cannot be started: {error.strerror}.") from error
        end = weakref.finalize(self, _end, self._process, self._stderr)
        answer = self._read()
        if "ready" not in answer:
            end()
            raise _refused(answer, folder)
        self.about: dict[str, str] = answer["ready"]

    def detect(self, image: Image) -> list[dict[str, Any]]:
        """Detect the hands in a picture, (height, width, 3) uint8 RGB; returns the worker's records.

        Raises:
            SampleError: WiLoR fails on this picture.
            PluginError: The process has ended.
        """
        height, width = image.shape[:2]
        with self._lock:
            stream = _open(self._process.stdin)
            with suppress(OSError):  # if it has ended, reading reports that
                stream.write(json.dumps({"height": height, "width": width}).encode() + b"\n" + image.tobytes())
                stream.flush()
            answer = self._read()
        if "ended" in answer:
            raise PluginError(f"WiLoR's process ended: {_line(answer['ended'])}.")
        if "error" in answer:
            raise SampleError(f"WiLoR fails: {_line(answer['error'])}")
        hands: list[dict[str, Any]] = answer["hands"]
        return hands

    def _read(self) -> dict[str, Any]:
        line = _open(self._process.stdout).readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self._stderr.seek(0)
        last = self._stderr.read().decode("utf-8", "replace").strip().splitlines()
        return {"ended": last[-1] if last else f"exit code {self._process.wait()}"}


def _refused(answer: dict[str, Any], folder: Path) -> Exception:
    if "module" in answer:
        return MissingDependency(f"hand analyzer 'wilor' needs '{answer['module']}'; {INSTALL}.")
    message = _line(answer.get("error") or answer["ended"])
    return MissingModel(f"WiLoR cannot be loaded from {folder}: {message}; wilor_mini was made for torch up to 2.5.")


def _end(process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    """End the process by closing its input, without waiting for a pending answer."""
    with suppress(OSError):
        _open(process.stdin).close()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _open(process.stdout).close()
    errors.close()


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "both ends are pipes"
    return stream


def _line(text: str) -> str:
    return (text.strip() or "it says nothing").splitlines()[0].rstrip(".")
