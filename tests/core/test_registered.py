"""Records that packages register: a broken one is named with its package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deidkit import registered
from deidkit.attack_sets import attackers_of
from deidkit.errors import PluginError, UsageError
from deidkit.models import Model

MODULE = """
from deidkit.models import Model
from deidkit.models.web import Web

def model(name):
    return Model(name, "sees", (), "MIT", Web("https://acme.example/x", megabytes=1, begins=""))

ONE = [model("one"), model("two")]
AGAIN = (model("one"),)
ALONE = model("three")
"""


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a = theirs:ONE", ""),
        ("a = theirs:ONE\nb = theirs:AGAIN", "'one' in {group} is registered by theirs 1.0 and by theirs 1.0"),
        ("a = theirs:ALONE", "'a' in {group}, registered by theirs 1.0, is not a sequence of Model"),
        ("a = theirs:NONE", "registered by theirs 1.0, cannot be imported"),
        ("a = nowhere:NONE", "registered by theirs 1.0, cannot be imported"),
    ],
    ids=range(5),
)
def test_what_is_wrong_is_named_with_its_package(
    lines: str, message: str, install: Callable[..., Path], request: pytest.FixtureRequest
) -> None:
    group = f"deidkit.test{request.node.callspec.indices['lines']}"  # results are kept by group
    install("theirs", MODULE, f"[{group}]\n{lines}\n")
    if not message:
        assert [model.name for model in registered.records(group, Model)] == ["one", "two"]
        return
    with pytest.raises(PluginError) as caught:
        registered.records(group, Model)
    assert message.format(group=group) in str(caught.value)


def test_a_set_of_attackers_that_does_not_exist_is_named() -> None:
    assert "fusion" in attackers_of("standard") and attackers_of("none") == ()
    with pytest.raises(
        UsageError, match=r"no set of attackers is named 'thorogh'\. The sets: quick, standard, thorough"
    ):
        attackers_of("thorogh")
