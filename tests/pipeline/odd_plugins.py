"""Plugins of every kind that do what `ODD` says where `ODD_WHERE` says, and work as well as deidkit's own else.

They are installed for a test as a distribution of their own, see `test_odd_plugins`.
"""

from __future__ import annotations

import atexit  # noqa: F401
import faulthandler  # noqa: F401
import gc  # noqa: F401
import logging  # noqa: F401
import multiprocessing  # noqa: F401
import os
import random  # noqa: F401
import resource  # noqa: F401
import signal  # noqa: F401
import socket  # noqa: F401
import sys  # noqa: F401
import threading  # noqa: F401
import time  # noqa: F401
import warnings  # noqa: F401
from collections.abc import Callable
from typing import Any

import cv2  # noqa: F401
import numpy as np

from deidkit import plugins


class Panic(BaseException):
    """What an extension written in Rust raises."""


def act(where: str, real: Callable[..., Any], *given: Any) -> Any:
    if os.environ.get("ODD_WHERE") == where:
        exec(os.environ["ODD"], globals())
    return real(*given)


class Engine(plugins.load("engine", "pixelate")):  # type: ignore[misc]
    thread_safe = False

    def deidentify(self, images: Any, seeds: Any) -> Any:
        return act("engine", super().deidentify, images, seeds)


class Recognizer(plugins.load("recognizer", "palmcode")):  # type: ignore[misc]
    def extract(self, images: Any) -> Any:
        return act("recognizer", super().extract, images)

    def compare(self, probes: Any, references: Any) -> Any:
        return act("comparison", super().compare, probes, references)


class Attacker(plugins.load("attacker", "ignorant")):  # type: ignore[misc]
    def attack(self, material: Any) -> Any:
        return act("attacker", super().attack, material)


class Dataset(plugins.load("dataset", "numbered")):  # type: ignore[misc]
    def samples(self) -> Any:
        return act("data set", super().samples)

    def read(self, sample: Any) -> Any:
        return act("reading", super().read, sample)


class Report(plugins.load("report", "json")):  # type: ignore[misc]
    def write(self, result: Any, folder: Any) -> Any:
        return act("report", super().write, result, folder)


class Measure:
    version, metric, thread_safe = "1", "odd", False

    def measure(self, original: Any, copies: Any) -> Any:
        return act("quality measure", lambda: np.zeros(len(copies)))

    def estimate(self, measured: Any, samples: Any, subjects: Any, settings: Any) -> Any:
        from deidkit.result import Estimate

        return Estimate(value=float(np.mean(measured)), unit="ratio", safer="lower")
