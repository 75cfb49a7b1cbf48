"""deidkit audits tools that claim to anonymize palm and hand photographs."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("deidkit")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
