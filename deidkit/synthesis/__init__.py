"""Procedural generation of hand pictures with ground truth, from a seed alone."""

from deidkit.synthesis.generator import SMALLEST, VERSION, HandGenerator, HandIdentity, HandTruth, SyntheticHand

__all__ = ["SMALLEST", "VERSION", "HandGenerator", "HandIdentity", "HandTruth", "SyntheticHand"]
