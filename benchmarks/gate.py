"""What a gate is: a ratio with the limit it is held to and the aim it is working towards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from deidkit.vector_steps import has

QUIET = (0.9, 1.1)
"""The A/A row of a run that can be believed."""


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        tenth: Whether everything is a tenth of its size.
        rounds: Interleaved rounds.
        slack: How many times worse than its gate a row may be.
    """

    tenth: bool
    rounds: int
    slack: float

    def of(self, full: int) -> int:
        """A number of items."""
        return full // 10 if self.tenth else full


@dataclass(frozen=True)
class Finding:
    """One row of the table.

    Attributes:
        name: What is measured.
        value: The ratio or number.
        unit: Behind it.
        better: Whether it should be at least or at most the gate.
        gate: What a change must not fall behind.
        aim: What is worked towards; None where nobody has said.
        again: The A/A row; None for what no other process can disturb, like memory.
        full_size_only: Whether the gate means nothing at a tenth of the size: the row is then for reading.
        reading: What the ratio was made from and nothing is held to, such as a time on this machine.
    """

    name: str
    value: float
    unit: str
    better: Literal["at least", "at most"]
    gate: float
    aim: float | None = None
    again: float | None = None
    full_size_only: bool = False
    reading: str = ""

    def verdict(self, size: Size) -> Literal["holds", "MISSED", "too noisy", "for reading"]:
        """Whether it holds."""
        if size.tenth and self.full_size_only:
            return "for reading"
        limit = self.gate / size.slack if self.better == "at least" else self.gate * size.slack
        if self.value >= limit if self.better == "at least" else self.value <= limit:
            return "holds"
        quiet = self.again is None or QUIET[0] <= self.again <= QUIET[1]
        return "MISSED" if quiet else "too noisy"

    def line(self, size: Size) -> str:
        """The row as text."""
        sign = ">=" if self.better == "at least" else "<="
        aim = "" if self.aim is None else f"{sign} {self.aim:g}"
        again = "" if self.again is None else f"{self.again:.2f}"
        measured = f"{self.value:.3g} {self.unit}"
        read = f"   ({self.reading})" if self.reading else ""
        gate = f"{sign} {self.gate:g}"
        return f"{self.name:44} {measured:>22} {gate:>12} {aim:>10}   {again:4} {self.verdict(size)}{read}"


def by_processor(avx512: float, others: float) -> float:
    """The gate of a ratio to what gains less from AVX-512, or more, than deidkit does.

    Args:
        avx512: Where the processor has it, with its instruction that counts bits.
        others: Elsewhere, as measured with AVX2.
    """
    return avx512 if has("avx512vpopcntdq") else others


@dataclass(frozen=True)
class Gate:
    """Rows that are measured together.

    Attributes:
        name: To choose it by.
        measure: Measures them.
    """

    name: str
    measure: Callable[[Size], list[Finding]]
