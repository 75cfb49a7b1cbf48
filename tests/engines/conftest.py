"""What tests of engines share."""

from .vendor import vendor as vendor
