"""Named sets of attackers, as entry-point names with options."""

from __future__ import annotations

QUICK = ("ignorant", "geometry", "blocks", "linkage")

STANDARD = (
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
"""What an audit runs by default."""

THOROUGH = (
    *STANDARD[:-1],
    "parrot:head=correlation",
    "parrot:features=embeddings",
    "inversion",
    "unet",
    "finetuned",
    "finetuned:eehnet,layers=all",
    "fusion",
)
