"""Structure of picture files, parsed before any decoder reads them."""

from deidkit.images.layouts.recognition import layout_of, reader_of
from deidkit.images.layouts.record import FileFinding, Layout

__all__ = ["FileFinding", "Layout", "layout_of", "reader_of"]
