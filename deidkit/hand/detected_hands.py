"""The result of a hand analyzer for one picture."""

from __future__ import annotations

from collections.abc import Iterable

from deidkit.protocols import Hand


class DetectedHands(tuple[Hand, ...]):
    """Detected hands, the most confident first, with the number of palms without keypoints.

    Attributes:
        unread: Number of palms in the picture besides those of the hands.
    """

    unread: int

    def __new__(cls, hands: Iterable[Hand], unread: int = 0) -> DetectedHands:
        """Create the result from hands and the number of unread palms."""
        made = super().__new__(cls, hands)
        made.unread = unread
        return made
