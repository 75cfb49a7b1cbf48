"""Division of a comparison into parts for other processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from deidkit.comparison.layout import Layout

PART_SCORES = 2**27
"""Scores per part: less than a minute for the slowest recognizer, which is the cost of a lost worker."""

Arrays = Mapping[str, NDArray[Any]]
"""Counts and scores of a part, by name."""


class PartRunner(Protocol):
    """Runs parts of a comparison in other processes."""

    def compare(
        self, rows: int, wanted: NDArray[Any] | None, parts: Sequence[range], take: Callable[[range, Arrays], None]
    ) -> None:
        """Compare the stripes of each part.

        Args:
            rows: Probes in a stripe, as in `ComparisonSettings`.
            wanted: Distance of each probe to its own identity, for the search; None where there is no search.
            parts: Numbers of the stripes of each part.
            take: Called with each part, in any order, by one thread at a time.

        Raises:
            DeidkitError: The work cannot continue.
        """
        ...


def parts_from(layout: Layout, first: int) -> list[range]:
    """Parts of a comparison from a stripe on; the same layout always gives the same boundaries."""
    parts, start, filled = [], 0, 0
    for number, stripe in enumerate(layout.stripes):
        size = (stripe.rows.stop - stripe.rows.start) * sum(part.stop - part.start for part in stripe.columns)
        if filled and filled + size > PART_SCORES:
            parts.append(range(start, number))
            start, filled = number, 0
        filled += size
    parts.append(range(start, len(layout.stripes)))
    return [range(max(part.start, first), part.stop) for part in parts if part.stop > first]
