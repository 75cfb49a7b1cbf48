"""Benchmarks: the fixed configuration that submissions are measured with."""

from __future__ import annotations

import hashlib
from typing import Literal, get_args

import msgspec
from sqlalchemy import select

from deidkit.errors import UsageError
from deidkit.result import Component
from deidkit_service import tables
from deidkit_service.accounts import note
from deidkit_service.home import Home

Kind = Literal["pictures", "service", "engine", "scores"]

KINDS: tuple[Kind, ...] = get_args(Kind)


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides a submission's numbers; its SHA-256 is the benchmark's fingerprint.

    Attributes:
        dataset_fingerprint: Fingerprint of the data set's pictures.
        components: Hand analysis, recognizers and attackers with versions, options and hashes of weights.
        recognizers: Recognizers as the operator specified them.
        attackers: Attackers in addition to the attack set.
        policy_digest: Digest of all requirements.
        requirements: Requirements in addition to the policy.
        seeds: Number of copies of each picture.
        identity_control: Whether the policy requires the identity control in each audit.
    """

    deidkit: str
    dataset: str
    dataset_fingerprint: str
    samples: int
    subjects: int
    identities: int
    components: list[Component]
    recognizers: list[str]
    attack: str
    attackers: list[str]
    policy: str
    policy_digest: str
    requirements: list[str]
    seeds: int
    identity_control: bool

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    @property
    def ranked_by(self) -> str:
        """Metric that decides the order of the leaderboard."""
        return "strongest_rank_1_percent" if self.attack != "none" or self.attackers else "rank_1_percent"


def find(home: Home, name: str) -> tables.Benchmark | None:
    """Return a benchmark; None if there is none of this name."""
    with home.database.reading() as session:
        return session.get(tables.Benchmark, name)


def all_benchmarks(home: Home) -> list[tables.Benchmark]:
    """Return all benchmarks, newest first."""
    with home.database.reading() as session:
        return list(session.scalars(select(tables.Benchmark).order_by(tables.Benchmark.created.desc())))


def close_benchmark(home: Home, name: str) -> None:
    """Close a benchmark to further submissions. Raises UsageError if it does not exist."""
    with home.database.writing() as session:
        row = session.get(tables.Benchmark, name)
        if row is None:
            raise UsageError(f"there is no benchmark '{name}'; see: deidkit service benchmark list")
        row.closed = row.closed or home.database.now(session)
        note(session, home.database.now(session), None, "benchmark closed", name)


def frozen_of(row: tables.Benchmark) -> Frozen:
    """Return the frozen configuration of a benchmark."""
    return msgspec.convert(row.frozen, Frozen)
