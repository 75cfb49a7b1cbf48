"""The base class of recognizers built on a network."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import nn

from deidkit.protocols import option
from deidkit_networks.device import Precision, choose, data_type, hardware
from deidkit_networks.embedding import remark
from deidkit_networks.weights import Weights, build, load

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class NetworkRecognizer(Generic[Network]):
    """Weights, device and precision of a network that gives embeddings.

    Attributes:
        architecture: Its name, as weight files say it.
        embedded_weights: Those that travel with the package; None where there are none.
    """

    weights: Path | None = option(None, "Weights to take; the embedded ones if left out", primary=True)
    device: str = option("auto", "auto, cpu, cuda or cuda:N")
    precision: Precision = option("float32", "Of the network's arithmetic")

    version: ClassVar[str] = "1"
    score_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    architecture: ClassVar[str]
    embedded_weights: ClassVar[Path | None] = None

    @abstractmethod
    def build(self, settings: Mapping[str, Any]) -> Network:
        """The network of such settings, as a weight file holds them, without weights."""
        raise NotImplementedError

    def prepare(self, note: Callable[[str], None]) -> None:
        """Load the network.

        Raises:
            MissingModel: The weights are absent or not of this network.
            UsageError: The device is not there.
        """
        _ = self._network
        note(f"{self.architecture}: {self.remark()}.")

    def packages(self) -> tuple[str, ...]:
        """What computes; its version is recorded."""
        return ("torch",)

    def weight_files(self) -> dict[str, Path]:
        """The weights, for their hash."""
        return {self._path.name: self._path}

    def resolved(self) -> dict[str, str]:
        """What ``device`` meant here."""
        return {"device": hardware(self._device)}

    def remark(self) -> str:
        """What the weights were trained on."""
        return remark(self._loaded, embedded=self.weights is None)

    def _load(self, path: Path) -> Weights:
        return load(path, self.architecture)

    def _arithmetic(self) -> torch.autocast:
        """The context in which the network computes in the precision that was asked for."""
        return torch.autocast(self._device.type, data_type(self.precision), enabled=self.precision != "float32")

    @property
    def _path(self) -> Path:
        path = self.weights or self.embedded_weights
        assert path is not None, "a recognizer without embedded weights has to require some"
        return path

    @cached_property
    def _device(self) -> torch.device:
        return choose(self.device)

    @cached_property
    def _loaded(self) -> Weights:
        return self._load(self._path)

    @cached_property
    def _network(self) -> Network:
        return build(self.build, self._loaded, self._path).to(self._device)
