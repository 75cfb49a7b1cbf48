"""Procedural hands: whole pictures with their ground truth, from numbers alone."""

from deidkit.synthesis.generator import SMALLEST, VERSION, HandGenerator, HandIdentity, HandTruth, SyntheticHand

__all__ = ["SMALLEST", "VERSION", "HandGenerator", "HandIdentity", "HandTruth", "SyntheticHand"]
