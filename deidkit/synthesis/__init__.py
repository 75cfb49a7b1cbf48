"""Procedural hands: whole pictures with their ground truth, from numbers alone."""

from deidkit.synthesis.generator import VERSION, HandGenerator, HandIdentity, HandTruth, SyntheticHand

__all__ = ["VERSION", "HandGenerator", "HandIdentity", "HandTruth", "SyntheticHand"]
