"""How picture files are built: found out from their structure alone, before any decoder sees a byte."""

from deidkit.images.layouts.recognition import layout_of
from deidkit.images.layouts.record import FileFinding, Layout

__all__ = ["FileFinding", "Layout", "layout_of"]
