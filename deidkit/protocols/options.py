"""How a plugin declares an option."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any


def option(
    default: object = dataclasses.MISSING,
    help: str = "",  # noqa: A002 - the word every command line uses
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[object] | None = None,
    primary: bool = False,
) -> Any:
    """Declare one option of a plugin as a dataclass field.

    Args:
        default: The value when the user gives none; leave it out to make the option required.
        help: One sentence that ends without a full stop.
        minimum: Smallest value allowed, for numbers.
        maximum: Largest value allowed, for numbers.
        choices: The values allowed.
        primary: Whether a bare value after the plugin's name is meant, as in ``folder:PATH``.

    Returns:
        A dataclass field.
    """
    metadata = {"help": help, "minimum": minimum, "maximum": maximum, "choices": choices, "primary": primary}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)
