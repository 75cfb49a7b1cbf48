"""Every plugin of our own through the suites that third parties use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deidkit import DISTRIBUTION, plugins
from deidkit.attacks import AttackMaterial
from deidkit.errors import MissingModel
from deidkit.images import write_image
from deidkit.result import Component
from deidkit.testing import (
    AttackerConformance,
    DatasetConformance,
    EngineConformance,
    HandAnalyzerConformance,
    RecognizerConformance,
    ReportConformance,
    RoiRuleConformance,
    SegmenterConformance,
    attack_material,
    hand_images,
)

ELSEWHERE = {
    "ccnet",
    "diffusion",
    "eehnet",
    "eeprnet",
    "finetuned",
    "folder",
    "onnx",
    "pklnet",
    "program",
    "sam2",
    "service",
    "unet",
    "wilor",
}
"""Need a file, or an extra and bounds of their own."""


def ours(kind: str, *more: str) -> list[str]:
    return [
        e.name for e in plugins.installed(kind) if e.dist and e.dist.name == DISTRIBUTION and e.name not in ELSEWHERE
    ] + [*more]


@pytest.mark.slow
class TestAttackers(AttackerConformance):
    @pytest.fixture(params=[name for name in ours("attacker", "parrot:head=correlation") if name != "fusion"])
    def spec(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)


@pytest.mark.slow
class TestFusion(AttackerConformance):
    plugin = "fusion"

    @pytest.fixture
    def material(self) -> AttackMaterial:
        single = attack_material().first_copies()
        earlier = {name: plugins.create("attacker", name)[0].attack(single) for name in ("ignorant", "patches")}
        return replace(single, earlier=earlier)


@pytest.mark.slow
class TestEngines(EngineConformance):
    @pytest.fixture(params=ours("engine", "mask:fill=mean", "blur:sigma=12", "pixelate:block=128"))
    def spec(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)


class TestFolder(EngineConformance):
    @pytest.fixture
    def spec(self, tmp_path: Path) -> str:
        for image in hand_images():
            file = tmp_path / image.sample.key
            file.parent.mkdir(exist_ok=True)
            for copy in (1, 2):
                write_image(file.with_stem(f"{file.stem}_de-id_{copy}"), 255 - image.pixels // copy)
        return f"folder:{tmp_path}"


class TestRecognizers(RecognizerConformance):
    @pytest.fixture(params=ours("recognizer", "mtcc:preset=B"))
    def spec(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)


class TestSynthetic(DatasetConformance):
    plugin = "synthetic:3,pictures=2"


class TestNumbered(DatasetConformance):
    @pytest.fixture
    def spec(self, tmp_path: Path) -> str:
        for index, image in enumerate(hand_images()):
            write_image(tmp_path / f"{index // 2 + 1:04d}_{index % 2 + 1:04d}.png", image.pixels)
        return f"numbered:{tmp_path}"


@pytest.mark.slow
class TestMediaPipe(HandAnalyzerConformance):
    plugin = "mediapipe"

    @pytest.fixture
    def made(self, spec: str) -> tuple[Any, Component]:
        try:
            return plugins.create(self.kind, spec)
        except MissingModel as error:
            pytest.skip(str(error))


class TestGrabCut(SegmenterConformance):
    plugin = "grabcut"


class TestRoiRules(RoiRuleConformance):
    @pytest.fixture(params=ours("roi_rule", "valley:points=knuckles,offset=-0.2,side=1.1"))
    def spec(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)


@pytest.mark.slow
class TestReports(ReportConformance):
    @pytest.fixture(params=ours("report"))
    def spec(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)
