"""What no TOML reader need take is one reason, not an error of Python's."""

from __future__ import annotations

import pytest

from deidkit import toml


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = " + "9" * 5000, "an integer of more than 64 bits"),
        ("a = [{b = 0x" + "f" * 17 + "}]", "an integer of more than 64 bits"),
        ("a = " + "[" * 100_000, "nested too deep"),
        ("a = ", "Invalid value"),
    ],
)
def test_it_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        toml.parsed(text)


def test_what_is_sound_comes_as_it_is() -> None:
    assert toml.parsed("a = 9223372036854775807\nb = [true, {c = 0x10}]") == {"a": 2**63 - 1, "b": [True, {"c": 16}]}
