"""The common part of all contracts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path


class Plugin:
    """Base of all contracts.

    A plugin is a class registered under an entry point; its options are dataclass fields declared with
    `deidkit.protocols.option`. It may inherit from the contract of its kind or only offer the same attributes: deidkit
    adds the defaults of everything optional, and refuses an attribute of the wrong type or a misspelt one by name.

    Attributes:
        version: Of the implementation; a new one where results may change.
        external: Whether it runs a program, or sends pictures to an address, that its options name: a configuration
            file that is merely in the working directory cannot choose it.
    """

    version: str
    external: bool = False

    def prepare(self, note: Callable[[str], None]) -> None:
        """Fetch or load what the plugin needs, before anything is measured.

        Args:
            note: Called with one sentence where preparing takes a while.

        Raises:
            DeidkitError: Something that the plugin needs is missing or cannot be used.
        """

    def weight_files(self) -> Mapping[str, Path]:
        """Model files by name; their SHA-256 is recorded."""
        return {}

    def remark(self) -> str:
        """What a reader of the report must know about the plugin, as one clause, or an empty string."""
        return ""

    def resolved(self) -> Mapping[str, object]:
        """What options such as ``device=auto`` meant on this machine, by option name; recorded in their place."""
        return {}

    def packages(self) -> tuple[str, ...]:
        """Distributions whose version can change results; recorded with their versions where installed."""
        return ()
