"""Options as text become typed values, or one sentence that says what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from deidkit import options
from deidkit.errors import UsageError
from deidkit.protocols import option


@dataclass(frozen=True)
class Plugin:
    root: Path = option(help="A folder", primary=True)
    block: int = option(16, "Side of a block in pixels", minimum=2, maximum=64)
    alpha: float = option(0.1, "Share", minimum=0, maximum=1)
    fill: Literal["black", "mean"] = option("black", "Colour")
    exact: bool = option(False, "Whether")
    side: float | None = option(None, "Side")
    use: tuple[str, ...] = option(("s", "m"), "Which", choices=None)


def build(text: str) -> Plugin:
    return options.build(Plugin, text, what="engine 'x'")


def test_a_bare_value_is_the_primary_option_and_may_hold_commas_and_colons() -> None:
    assert build("C:/some,where/a=b").root == Path("C:/some,where/a=b")
    assert build("there,block=8") == Plugin(root=Path("there"), block=8)


def test_every_type_is_read() -> None:
    made = build("root=r,block=8,alpha=.5,fill=mean,exact=yes,side=2.5,use=s+m+f")
    assert made == Plugin(Path("r"), 8, 0.5, "mean", True, 2.5, ("s", "m", "f"))
    assert build("r,side=none").side is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("r,block=huge", "engine 'x': option 'block' must be a whole number, not 'huge'."),
        ("r,block=1", "engine 'x': option 'block' must be at least 2, not 1."),
        ("r,alpha=2", "engine 'x': option 'alpha' must be at most 1, not 2."),
        ("r,fill=red", "engine 'x': option 'fill' must be"),
        ("r,exact=maybe", "engine 'x': option 'exact' must be true or false, not 'maybe'."),
        ("", "engine 'x' needs its option 'root': A folder."),
        ("r,block=4,block=8", "engine 'x': option 'block' is given twice."),
        ("r,root=s", "engine 'x': option 'root' is given twice."),
    ],
)
def test_a_wrong_value_is_named(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(text)
    assert str(caught.value).startswith(sentence)


def test_an_unknown_option_suggests_the_nearest() -> None:
    @dataclass(frozen=True)
    class NoPrimary:
        block: int = option(16, "Side")

    with pytest.raises(UsageError, match=r"no option 'blok'\. Did you mean 'block'\?"):
        options.build(NoPrimary, "blok=3", what="engine 'x'")
    with pytest.raises(UsageError, match="has no options, but 'a' was given"):
        options.build(object, "a=1", what="engine 'x'")


@pytest.mark.parametrize("text", ["r,blok=8", "r,Block=8", "r,alhpa=1", "r,exact=yes,alpa=1", "r,a,b=c,blocks=8"])
def test_an_option_with_a_slip_in_its_name_is_not_taken_for_a_part_of_a_path(text: str) -> None:
    with pytest.raises(UsageError, match=r"engine 'x' has no option '.*'\. Did you mean '(block|alpha)'\?"):
        build(text)


@pytest.mark.parametrize(
    "text", ["/a,b/c", "/a,x=1", "/a,b/block=8", "h?size=1,turn=2", "tool --set a=1,b=2", "a,,b=,c"]
)
def test_commas_and_equals_signs_in_paths_addresses_and_commands_stay(text: str) -> None:
    assert build(f"{text},block=8") == Plugin(root=Path(text), block=8)


def test_a_label_shows_what_differs_from_the_defaults() -> None:
    assert options.label("x", build("/some/folder,block=8")) == "x (folder, block=8)"
    assert options.values(build("r"))["use"] == ["s", "m"]
