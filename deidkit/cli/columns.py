"""Columns of a table of scores: numbers, or texts with each distinct text stored once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidkit.subjects import whole_number

_LARGEST_WHOLE = 2.0**53
"""Largest magnitude up to which floating-point numbers represent every integer."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column of numbers.

    Attributes:
        values: (n,) numbers or bools; anything where the cell is empty.
        empty: (n,) bool; None where no cell is empty.
    """

    values: NDArray[np.generic]
    empty: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def filled(self) -> NDArray[np.bool_]:
        """(n,) whether each cell is not empty."""
        return np.ones(len(self), dtype=bool) if self.empty is None else ~self.empty

    def at(self, rows: NDArray[np.bool_]) -> Numbers:
        """Select rows."""
        if rows.all():
            return self
        return Numbers(self.values[rows], None if self.empty is None else self.empty[rows])

    def cell(self, row: int) -> str:
        """One cell as text."""
        return "" if self.empty is not None and self.empty[row] else str(self.values[row])

    def whole(self) -> Numbers | None:
        """Convert to integers, with NaN as empty cells; None if a number is not an integer."""
        if not np.issubdtype(self.values.dtype, np.floating):
            return self
        empty = np.isnan(self.values) | ~self.filled
        values = np.where(empty, 0, self.values)
        if not ((values <= _LARGEST_WHOLE) & (values >= -_LARGEST_WHOLE)).all():
            return None
        whole = values.astype(np.int64)
        return Numbers(whole, empty if empty.any() else None) if (whole == values).all() else None

    def names(self) -> Texts:
        """Convert to texts."""
        distinct, codes = np.unique(self.values, return_inverse=True)
        texts = Texts(codes.astype(np.int32), [str(value) for value in distinct])
        if self.empty is None or not self.empty.any():
            return texts
        codes = np.where(self.empty, len(distinct), texts.codes).astype(np.int32)
        return Texts(codes, [*texts.distinct, ""])


@dataclass(frozen=True, eq=False)
class Texts:
    """A column of texts.

    Attributes:
        codes: (n,) int32, which of the distinct texts each cell holds.
        distinct: Distinct texts without surrounding blanks; the empty text stands for empty cells.
    """

    codes: NDArray[np.int32]
    distinct: list[str]

    @classmethod
    def of(cls, cells: Iterable[str]) -> Texts:
        """Encode the texts of a column."""
        known: dict[str, int] = {}
        codes = np.fromiter((known.setdefault(cell, len(known)) for cell in cells), dtype=np.int32)
        return cls.stripped(codes, list(known))

    @classmethod
    def stripped(cls, codes: NDArray[np.int32], texts: Sequence[str]) -> Texts:
        """Strip surrounding blanks and merge texts that become equal."""
        known: dict[str, int] = {}
        of_text = np.array([known.setdefault(text.strip(), len(known)) for text in texts], dtype=np.int32)
        same = len(known) == len(texts)
        return cls(codes if same else of_text[codes], list(known))

    def whole(self) -> Texts | None:
        """Normalize integers, such as 1.0 to 1; None if a text is not an integer."""
        if not all(whole_number(text) for text in self.distinct if text):
            return None
        return Texts.stripped(self.codes, [whole_number(text) for text in self.distinct])

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def filled(self) -> NDArray[np.bool_]:
        """(n,) whether each cell is not empty."""
        return self.among(lambda text: text != "")

    def among(self, holds: Callable[[str], bool]) -> NDArray[np.bool_]:
        """(n,) whether a condition holds for the text of each cell."""
        found = np.array([holds(text) for text in self.distinct], dtype=bool)
        if found.all() or not found.any():
            return np.full(len(self), bool(found.all()))
        return found[self.codes]

    def at(self, rows: NDArray[np.bool_]) -> Texts:
        """Select rows."""
        return self if rows.all() else Texts(self.codes[rows], self.distinct)

    def cell(self, row: int) -> str:
        """Text of one cell."""
        return self.distinct[int(self.codes[row])]

    def names(self) -> Texts:
        """The column itself."""
        return self


Column = Numbers | Texts


def differ(one: Column, other: Column) -> NDArray[np.bool_]:
    """(n,) whether two columns differ in each row."""
    if one is other:
        return np.zeros(len(one), dtype=bool)
    if isinstance(one, Numbers) and isinstance(other, Numbers) and one.empty is None and other.empty is None:
        return np.asarray(one.values != other.values)
    first, second = one.names(), other.names()
    places = {text: place for place, text in enumerate(first.distinct)}
    translated = np.array([places.get(text, -1) for text in second.distinct], dtype=np.int32)
    return np.asarray(first.codes != translated[second.codes])
