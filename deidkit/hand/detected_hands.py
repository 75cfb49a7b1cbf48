"""The result of a hand analyzer for one picture."""

from __future__ import annotations

from collections.abc import Iterable

from deidkit.protocols import Hand


class DetectedHands(tuple[Hand, ...]):
    """Hands, the most confident first, from an analyzer that also counts the palms that it cannot place keypoints on.

    Attributes:
        unread: Palms seen in the picture besides those of the hands.
    """

    unread: int

    def __new__(cls, hands: Iterable[Hand], unread: int = 0) -> DetectedHands:
        """Make one of hands and the number of unread palms."""
        made = super().__new__(cls, hands)
        made.unread = unread
        return made
