"""Which attackers a set has, by entry-point name and options."""

from __future__ import annotations

from typing import Literal

SetName = Literal["quick", "standard", "thorough", "none"]

_QUICK = ("ignorant", "geometry", "blocks", "linkage")
_STANDARD = (
    "ignorant",
    "informed",
    "geometry",
    "patches",
    "pieces",
    "restoration",
    "transfer",
    "blocks",
    "parrot",
    "linkage",
    "pooling",
    "context",
    "fusion",
)

SETS: dict[SetName, tuple[str, ...]] = {
    "none": (),
    "quick": _QUICK,
    "standard": _STANDARD,
    "thorough": (
        *_STANDARD[:-1],
        "parrot:head=correlation",
        "parrot:features=embeddings",
        "inversion",
        "unet",
        "finetuned",
        "finetuned:eehnet",
        "fusion",
    ),
}
"""Name of a set -> attackers as a user writes them. ``standard`` is what an audit runs by default."""
