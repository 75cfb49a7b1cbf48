"""Default plugins: the only place where the core names plugins of packages."""

from __future__ import annotations

DATASET = "synthetic"
HAND_ANALYZER = "mediapipe"
SEGMENTER = "grabcut"
ROI_RULE = "valley"
RECOGNIZER = "mtcc"
ATTACK = "standard"

CONTROL = "identity"
"""The engine that returns its input: whatever it loses, the measurement itself has lost."""

ABLATED_ENGINE = "diffusion"
ABLATION_RECOGNIZERS = ("mtcc:preset=paper", "ccnet")
ABLATION_BASELINES = ("mask", "blur", "pixelate", CONTROL)
"""What the published ablation holds the settings of the published engine against, and the control."""
