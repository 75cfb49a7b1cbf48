"""Model files of the built-in hand analyzer."""

from __future__ import annotations

from deidkit.models import File, Model
from deidkit.models.wheel import Wheel

MODELS = (
    Model(
        name="hands",
        purpose="finds hands and their 21 keypoints (MediaPipe palm detector and hand landmark model)",
        files=(
            File(
                name="palm_detection_full.tflite",
                origin="mediapipe/modules/palm_detection/palm_detection_full.tflite",
                size=2_339_846,
                sha256="1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
            ),
            File(
                name="hand_landmark_full.tflite",
                origin="mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
                size=5_478_917,
                sha256="11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
            ),
        ),
        licence="Apache-2.0",
        source=Wheel(
            project="mediapipe",
            version="0.10.21",  # later wheels carry no model files
            python="3.11",
            platform="manylinux_2_28_x86_64",
            megabytes=36,
        ),
    ),
)
