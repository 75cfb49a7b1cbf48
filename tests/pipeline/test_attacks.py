"""Audits with attackers, from pictures to the verdict: their own calls of an engine, and what these show."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import deidkit
from deidkit.errors import UsageError
from deidkit.protocols import Engine, Failure, HandImage, Image
from deidkit.result import AuditResult, EngineAttacks

PEOPLE, CAPTURES = 8, 2

WATCHING = '''
from pathlib import Path

import cv2
from threadpoolctl import threadpool_info

from deidkit.attacks import Attacker, AttackScores
from deidkit.protocols import Engine


def note(what):
    with (Path(__file__).parent / what).open("a") as file:
        print(cv2.getNumThreads(), file=file)
        file.writelines(f"{pool['num_threads']}\\n" for pool in threadpool_info() if pool["user_api"] == "blas")


class Attacking(Attacker):
    """Notes how many threads linear algebra may use."""

    version, tier, knowledge = "1", "T0", "Means of lines."

    def attack(self, material):
        note("attacks")
        own, others = (p.regions.mean(axis=1) for p in (material.copies, material.originals))
        distances = abs(own[:, None] - others).mean(axis=2).astype("f4")
        return AttackScores(distances, material.copies.labels, material.originals.labels)


class Inverting(Engine):
    version, deterministic, diverse = "1", True, False

    def deidentify(self, images, seeds):
        note("pictures")
        return [[255 - image.pixels] * len(seeds) for image in images]
'''


@pytest.fixture(scope="module")
def few_palms(tmp_path_factory: pytest.TempPathFactory, draw_palm) -> Path:  # type: ignore[no-untyped-def]
    """Just enough people for an attack to be told from chance."""
    folder = tmp_path_factory.mktemp("few")
    for person in range(1, PEOPLE + 1):
        for capture in range(1, CAPTURES + 1):
            cv2.imwrite(str(folder / f"{person:04d}_{capture:04d}.png"), draw_palm(person, capture))
    return folder


class Counted(Engine):
    """A fresh palm of noise for each picture and seed; counts what it is asked for."""

    version = "1"
    deterministic = True
    diverse = True
    reusable = False

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, int]] = Counter()

    def deidentify(self, images: Sequence[HandImage], seeds: Sequence[int]) -> list[list[Image | Failure]]:
        return [[self.one(image, seed) for seed in seeds] for image in images]

    def one(self, image: HandImage, seed: int) -> Image:
        self.asked[image.sample.key, seed] += 1
        noise = np.random.default_rng([seed, *image.sample.key.encode()]).normal(0, 1, image.pixels.shape)
        return np.clip(140 + 120 * cv2.GaussianBlur(noise, (0, 0), 2), 0, 255).astype(np.uint8)


class Unsteady(Counted):
    """Says that it repeats itself, and gives another palm every time."""

    def one(self, image: HandImage, seed: int) -> Image:
        self.asked[image.sample.key, seed] += 1
        return super().one(image, seed + 10 * self.asked[image.sample.key, seed])


class Forgetful(Counted):
    """Returns a picture that it has seen before as it came."""

    def one(self, image: HandImage, seed: int) -> Image:
        again = any(key == image.sample.key for key, _ in self.asked)
        copy = super().one(image, seed)
        return image.pixels.copy() if again else copy


class Knowing(Counted):
    """Treats the pictures that it saw first, which a list of an audit's would hold, and returns any other as it came."""

    deterministic, diverse = True, False

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, bytes] = {}

    def one(self, image: HandImage, seed: int) -> Image:
        pixels = image.pixels.tobytes()
        known = self.known.setdefault(image.sample.key, pixels) == pixels
        return super().one(image, seed) if known else image.pixels.copy()


class OwnSeeds(Counted):
    """Returns the picture as it came for any seed that no audit uses."""

    def one(self, image: HandImage, seed: int) -> Image:
        return super().one(image, seed) if seed == 0 else image.pixels.copy()


def audited(palms: Path, *engines: Engine, **options: object) -> AuditResult:
    options = {"attack": "none", "attackers": ["informed"], "threads": 1} | options
    return deidkit.audit(f"numbered:{palms},kind=roi", list(engines), "mtcc", **options).result  # type: ignore[arg-type]


def attacks_of(result: AuditResult, engine: str) -> EngineAttacks:
    return next(found for found in result.attacks if found.engine == engine)


def findings_of(result: AuditResult) -> dict[str, set[str]]:
    return {engine.component.label: {found.finding for found in engine.coverage} for engine in result.engines}


@pytest.mark.slow
def test_quick_attacks_find_people_whom_no_recognizer_does(few_palms: Path) -> None:
    """The whole way: a recognizer that takes inverted halves for strangers, an attack that learns to undo them."""

    class Halves(Counted):
        def one(self, image: HandImage, seed: int) -> Image:
            copy = image.pixels.copy()
            copy[:, ::32], copy[::32] = 0, 0
            blocks = copy.reshape(8, 16, 8, 16, 3).swapaxes(1, 2).reshape(64, 16, 16, 3)
            moved = blocks[np.random.default_rng(6).permutation(64)]
            return np.ascontiguousarray(moved.reshape(8, 8, 16, 16, 3).swapaxes(1, 2).reshape(copy.shape))

    result = audited(few_palms, Halves(), Counted(), attack="quick", attackers=[], policy="screening")
    broken, honest = attacks_of(result, "Halves"), attacks_of(result, "Counted")
    assert {row.component.name for row in broken.attacks if row.status == "succeeded"} >= {"blocks"}
    assert broken.strongest is not None and broken.strongest.attacker == "blocks"
    assert [row.component.name for row in honest.attacks if row.status == "succeeded"] == []
    assert all(row.controls for row in broken.attacks)
    assert [found.tier for found in broken.tiers] == ["T0", "T2", "T3", "T5"]
    restoring = broken.tiers[2]
    assert (restoring.attacker, restoring.attacks, restoring.scope) == ("blocks", 1, "palm")
    rank = restoring.metrics["strongest_rank_1_percent"]
    assert rank.low is not None and rank.low > honest.tiers[2].metrics["strongest_rank_1_percent"].value


@pytest.mark.slow
def test_attackers_see_the_colours_of_copies_and_what_several_give_away(few_palms: Path) -> None:
    class Blue(Counted):
        """The palm in one channel, which counts little for a recognizer."""

        deterministic = False

        def one(self, image: HandImage, seed: int) -> Image:
            copy = super().one(image, seed)
            copy[..., 2] = image.pixels.mean(axis=2)
            return copy

    attackers = ["geometry", "pooling"]
    found = attacks_of(audited(few_palms, Blue(), attackers=attackers, seeds=2), "Blue")
    rows = {row.component.name: row for row in found.attacks}
    assert rows["geometry"].status == "succeeded"
    assert "blue" in rows["geometry"].sentence
    assert [point.copies for point in rows["pooling"].curve] == [1, 2]
    assert rows["geometry"].curve == []


@pytest.mark.slow
def test_an_adversary_runs_the_engine_with_seeds_of_his_own(few_palms: Path) -> None:
    engine = Counted()
    found = attacks_of(audited(few_palms, engine), "Counted")
    pictures = PEOPLE * CAPTURES
    own = sum(count for (_, seed), count in engine.asked.items() if seed != 0)
    assert own == pictures
    assert found.calls == sum(engine.asked.values()) - pictures
    assert f"{pictures} copies that the adversary made" in found.attacks[0].sentence
    assert findings_of(audited(few_palms, Counted())) == {"Counted": set()}


@pytest.mark.slow
def test_success_is_told_by_person_and_by_group(few_palms: Path, tmp_path: Path) -> None:
    """A manifest's own columns divide people; what would name one does not, and a few are not told of."""
    rows = [f"{file.name},{file.name[:4]},{'warm' if int(file.name[:4]) <= 5 else 'cold'},{file.name}"
            for file in sorted(few_palms.iterdir())]  # fmt: skip
    folder = shutil.copytree(few_palms, tmp_path / "named")
    table = folder / "manifest.csv"
    table.write_text("\n".join(["path,subject,tone,note", *rows]))

    class SomeSkipped(Counted):
        def one(self, image: HandImage, seed: int) -> Image:
            copy = super().one(image, seed)
            return image.pixels.copy() if image.sample.subject in ("0002", "0004", "0005") else copy

    result = deidkit.audit(
        f"manifest:{table},kind=roi", SomeSkipped(), "mtcc", attack="none", attackers=["ignorant"], threads=1
    ).result
    strongest = result.attacks[0].strongest
    assert strongest is not None
    assert [person.number for person in strongest.worst[:3]] == [2, 4, 5]
    assert strongest.always + strongest.sometimes + strongest.never == PEOPLE
    groups = {(group.column, group.value): group for group in strongest.groups}
    assert set(groups) == {("tone", "cold"), ("tone", "warm")}
    warm, cold = groups["tone", "warm"], groups["tone", "cold"]
    assert (warm.subjects, cold.subjects) == (5, 3)
    assert warm.rank_1_percent.value is not None and warm.rank_1_percent.value >= 60
    assert warm.rank_1_percent.low is not None and warm.rank_1_percent.low < 60 < (warm.rank_1_percent.high or 0)
    assert cold.rank_1_percent.value is None and "3 people" in cold.rank_1_percent.reason


@pytest.mark.slow
def test_what_nobody_can_call_is_not_called(few_palms: Path, tmp_path: Path) -> None:
    for file in few_palms.iterdir():
        cv2.imwrite(str(tmp_path / file.name), cv2.GaussianBlur(cv2.imread(str(file)), (0, 0), 9))
    result = audited(few_palms, f"folder:{tmp_path}")  # type: ignore[arg-type]
    found = result.attacks[0]
    assert found.calls == 0
    assert "was not run" in found.attacks[0].sentence


@pytest.mark.slow
def test_an_engine_is_run_as_often_as_the_user_says(few_palms: Path) -> None:
    never, twice = Counted(), Counted()
    found = attacks_of(audited(few_palms, never, attack_runs=0), "Counted")
    assert found.calls == 0
    assert sum(never.asked.values()) == PEOPLE * CAPTURES
    assert "was not run" in found.attacks[0].sentence
    found = attacks_of(audited(few_palms, twice, attack_runs=2), "Counted")
    assert f"{2 * PEOPLE * CAPTURES} copies that the adversary made" in found.attacks[0].sentence


def test_a_budget_or_runs_that_mean_nothing_are_refused(few_palms: Path) -> None:
    with pytest.raises(UsageError, match="attack_budget 0 leaves no time"):
        audited(few_palms, Counted(), attack_budget=0)
    with pytest.raises(UsageError, match="attack_runs 17 is not in"):
        audited(few_palms, Counted(), attack_runs=17)


@pytest.mark.slow
def test_a_larger_budget_runs_again_what_was_too_slow(few_palms: Path, tmp_path: Path) -> None:
    options = {"attackers": ["geometry", "linkage"], "work": tmp_path / "work"}
    slow = attacks_of(audited(few_palms, Counted(), attack_budget=1e-6, **options), "Counted")
    assert {row.status for row in slow.attacks} == {"inconclusive"}
    assert all("longer than 1e-06 s" in row.sentence for row in slow.attacks)
    done = attacks_of(audited(few_palms, Counted(), **options), "Counted")
    assert {row.status for row in done.attacks} == {"resisted"}


@pytest.mark.slow
def test_engines_that_do_not_repeat_themselves_are_told_apart(few_palms: Path) -> None:
    found = findings_of(audited(few_palms, Unsteady(), Forgetful(), Knowing(), OwnSeeds(), "blur:sigma=2"))
    assert "not repeatable" in found["Unsteady"]
    assert "shown when repeated" not in found["Unsteady"]
    weak = next(findings for label, findings in found.items() if label.startswith("blur"))
    assert "shown when repeated" not in weak
    for name in ("Forgetful", "Knowing", "OwnSeeds"):
        assert "shown when repeated" in found[name], name


@pytest.mark.slow
@pytest.mark.parametrize("isolate", [False, True])
def test_libraries_take_no_threads_besides_those_of_the_audit(few_palms: Path, tmp_path: Path, isolate: bool) -> None:
    """Pools below pools wait for one another: on a busy machine an audit took seven times as long."""
    plugins = tmp_path / "watching.py"
    plugins.write_text(WATCHING)
    dataset = f"numbered:{few_palms},kind=roi"
    with threadpool_limits(2, user_api="blas"):
        attackers = [f"{plugins}:Attacking"]
        deidkit.audit(dataset, f"{plugins}:Inverting", "mtcc", attackers=attackers, threads=2, isolate=isolate)
    assert {*(tmp_path / "pictures").read_text().split()} == {"1"}
    assert {*(tmp_path / "attacks").read_text().split()} == {"1"}
