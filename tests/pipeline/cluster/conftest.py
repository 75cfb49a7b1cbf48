"""What tests of clusters share."""

from .clusters import engine as engine
