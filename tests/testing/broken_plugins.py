"""Plugins that each break one promise, for the test that the conformance suites notice."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from deidkit.errors import SampleError
from deidkit.protocols import Failure


@dataclass(frozen=True)
class Fine:
    """Inverts the picture, and keeps every promise."""

    version = "1"
    deterministic = True
    diverse = False
    batch_size = 2
    control = False

    def deidentify(self, images: Any, seeds: Any) -> Any:
        return [[self.one(image, seed) for seed in seeds] for image in images]

    def one(self, image: Any, seed: int) -> Any:
        return 255 - image.pixels


class Blackens(Fine):
    """Keeps every promise on ready palm regions."""

    def one(self, image: Any, seed: int) -> Any:
        return np.zeros_like(image.pixels)


class WritesIntoItsInput(Fine):
    def one(self, image: Any, seed: int) -> Any:
        image.pixels.flags.writeable = True
        image.pixels[0, 0] ^= 255
        return 255 - image.pixels


class ReturnsItsInput(Fine):
    def one(self, image: Any, seed: int) -> Any:
        return image.pixels.copy()


class ReturnsAView(Fine):
    def one(self, image: Any, seed: int) -> Any:
        return image.pixels[:, ::-1]


class Shrinks(Fine):
    def one(self, image: Any, seed: int) -> Any:
        return 255 - image.pixels[1:]


class ReturnsFloats(Fine):
    def one(self, image: Any, seed: int) -> Any:
        return 1 - image.pixels / 255


class ForgetsTo255(Fine):
    def one(self, image: Any, seed: int) -> Any:
        return (1 - image.pixels / 255).astype(np.uint8)


class ExchangesRedAndBlue(Fine):
    def one(self, image: Any, seed: int) -> Any:
        return np.where(image.palm_mask()[:, :, None], 0, image.pixels)[:, :, ::-1].copy()


class ForgetsItsSeed(Fine):
    diverse = True

    def one(self, image: Any, seed: int) -> Any:
        return np.random.default_rng().integers(0, 256, image.pixels.shape, dtype=np.uint8)


class DependsOnItsBatch(Fine):
    diverse = True

    def deidentify(self, images: Any, seeds: Any) -> Any:
        generator = np.random.default_rng(seeds[0] if seeds else 0)
        return [[generator.integers(0, 256, image.pixels.shape, dtype=np.uint8) for _ in seeds] for image in images]


class IsNotThreadSafe(Fine):
    thread_safe = True

    def one(self, image: Any, seed: int) -> Any:
        type(self).current = image.pixels
        time.sleep(0.02)
        return 255 - type(self).current[: image.pixels.shape[0], : image.pixels.shape[1]]


class ClaimsToBeDiverse(Fine):
    diverse = True


class HidesThatItIsDiverse(Fine):
    def one(self, image: Any, seed: int) -> Any:
        return np.roll(255 - image.pixels, seed, axis=1)


class RaisesWithoutAHand(Fine):
    def one(self, image: Any, seed: int) -> Any:
        image.palm_mask()
        return 255 - image.pixels


class AlwaysFails(Fine):
    def one(self, image: Any, seed: int) -> Any:
        return Failure("engine", "not today")


class NamesTheFile(Fine):
    def one(self, image: Any, seed: int) -> Any:
        try:
            image.palm_mask()
        except SampleError:
            return Failure("hand", f"no hand in {image.sample.key}")
        return 255 - image.pixels


class HasNoVersion(Fine):
    version = ""


@dataclass(frozen=True)
class FineDistance:
    """Compares raw pixels, and keeps every promise."""

    version = "1"
    input = "roi"
    score_range = (0.0, 1.0)

    def extract(self, images: Any) -> Any:
        return np.stack([image[::8, ::8].ravel() for image in images]).astype(np.float32) / 255

    def compare(self, probes: Any, references: Any) -> Any:
        return np.abs(probes[:, None].astype(np.float64) - references[None]).mean(axis=2)


class IsASimilarity(FineDistance):
    def compare(self, probes: Any, references: Any) -> Any:
        return 1 - super().compare(probes, references)


class IsAsymmetric(FineDistance):
    def compare(self, probes: Any, references: Any) -> Any:
        return np.maximum(probes[:, None].astype(np.float64) - references[None], 0).mean(axis=2)


class LeavesItsRange(FineDistance):
    def compare(self, probes: Any, references: Any) -> Any:
        return 20 * super().compare(probes, references)


class NormalisesItsBatch(FineDistance):
    def extract(self, images: Any) -> Any:
        features = super().extract(images)
        return features - features.mean(axis=0)


class NormalisesItsBlock(FineDistance):
    def compare(self, probes: Any, references: Any) -> Any:
        block = super().compare(probes, references)
        return block / max(block.max(), 1e-9)


class GivesALine(FineDistance):
    def compare(self, probes: Any, references: Any) -> Any:
        return super().compare(probes, references).ravel()
