"""Arrays that travel between plugins: pictures and masks."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""An upright RGB picture: shape (height, width, 3), dtype uint8, values 0..255."""

GreyImage = NDArray[np.uint8]
"""A grey picture: shape (height, width), dtype uint8, values 0..255. A palm ROI is one of 128 x 128 pixels."""

Mask = NDArray[np.bool_]
"""True where the region is: shape (height, width), dtype bool."""

ROI_SIZE = 128
"""Side of a palm region of interest in pixels (Zhang et al. 2003 and all recognizers here)."""

Handedness = Literal["left", "right"]

PalmVariant = Literal["paper", "program", "region"]
"""What bounds the palm: keypoints as in arXiv 2504.08272 (its text, or its authors' program), or `paper` together with
the whole region that recognizers read."""
