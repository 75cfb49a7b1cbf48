"""Where a network runs, and in which precision."""

from __future__ import annotations

import ctypes
from typing import Literal

import torch
from threadpoolctl import threadpool_limits

from deidkit.errors import UsageError

Precision = Literal["float32", "bfloat16", "float16"]


def choose(name: str) -> torch.device:
    """The device of a name.

    Args:
        name: ``auto`` (the first GPU, else the CPU), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UsageError: The name means no device, or there is none of that name.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"'{name}' is not a device: use auto, cpu, cuda or cuda:N.") from error
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"device '{name}' is not supported: use auto, cpu, cuda or cuda:N.")
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            raise UsageError(f"device '{name}' is not there: torch finds {count} CUDA devices; use cpu or auto.")
    return device


def data_type(precision: Precision) -> torch.dtype:
    """The torch type of a precision's name."""
    types: dict[str, torch.dtype] = {
        "float32": torch.float32,
        "bfloat16": torch.bfloat16,
        "float16": torch.float16,
    }
    return types[precision]


def resolve(
    asked: Literal["auto", "float32", "bfloat16", "float16"], device: torch.device, on_gpu: Precision = "bfloat16"
) -> Precision:
    """What ``auto`` means on a device: float32 on a CPU, `on_gpu` on a GPU."""
    if asked != "auto":
        return asked
    return "float32" if device.type == "cpu" else on_gpu


def one_thread_per_operation() -> None:
    """Make torch compute in this thread alone: several threads would each sum up a share, and round otherwise."""
    torch.get_num_threads()  # torch sets their number itself at its first use in a thread, so that has to be over
    threadpool_limits(1, user_api="openmp")
    limit = getattr(ctypes.CDLL(torch._C.__file__), "MKL_Set_Num_Threads_Local", None)
    if limit is not None:  # MKL has a number of threads of its own, which OpenMP's does not limit
        limit(1)


def hardware(device: torch.device) -> str:
    """What a device is, for a record: the GPU's name, or ``CPU``."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def title(device: torch.device) -> str:
    """As `hardware`, for a person: the CPU with its threads."""
    return f"CPU, {torch.get_num_threads()} threads" if device.type == "cpu" else hardware(device)
