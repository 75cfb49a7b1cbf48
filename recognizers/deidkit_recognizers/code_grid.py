"""Where in a palm region the coding recognizers sample their filters' responses."""

from __future__ import annotations

from deidkit.protocols import ROI_SIZE

STEP = 4
"""Every fourth response in rows and columns is coded."""

SIDE = ROI_SIZE // STEP
"""Side of a code: 32."""
