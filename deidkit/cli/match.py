"""``deidkit match``: distances between pictures."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import click

from deidkit.cli import output
from deidkit.cli.shared import analyzer_option, roi_rule_option, segmenter_option

MAX_ASPECT = 1.2
"""Maximum aspect ratio of palm regions, which are cut out as squares, unlike most photographs."""


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="A B [C ...]")
@click.option("--recognizer", required=True, metavar="NAME[:OPTIONS]", help="Recognizer, e.g. mtcc:preset=B.")
@click.option("--roi", is_flag=True, help="The pictures are palm regions already cut out, of any size.")
@analyzer_option
@segmenter_option
@roi_rule_option
@click.option("--json", "as_json", is_flag=True, help='Print JSON: a list of {"a", "b", "distance"}.')
def match(
    images: tuple[Path, ...],
    recognizer: str,
    roi: bool,
    analyzer: str,
    segmenter: str,
    roi_rule: str,
    as_json: bool,
) -> None:
    """Compare pictures with a recognizer and print the distance of every two: lower means more alike.

    A picture that cannot be read or shows no hand is named, the others are compared all the same, and the exit code
    is 2.
    """
    from deidkit import plugins
    from deidkit.errors import SampleError, UsageError
    from deidkit.images import read_image
    from deidkit.pipeline import build_analysis
    from deidkit.pipeline.matching import Matcher, Template

    if len(images) < 2:
        raise UsageError("match needs at least two pictures.")
    loaded = plugins.create("recognizer", recognizer, note=_say)
    matcher = Matcher(loaded, None if roi else build_analysis(analyzer, segmenter, roi_rule, note=_say).analysis)
    templates: dict[Path, Template] = {}
    for path in images:
        try:
            pixels = read_image(path)
            height, width = pixels.shape[:2]
            if roi and max(height, width) > MAX_ASPECT * min(height, width):
                _say(
                    f"note: {path} is not square ({width} x {height}) and is stretched; if it shows a hand rather "
                    "than a palm region, leave out --roi."
                )
            templates[path] = matcher.template(pixels)
        except SampleError as error:
            hint = " If it is a palm region already cut out, add --roi." if "no hand" in str(error) else ""
            output.echo(f"Error: {path}: {error}.{hint}", err=True)
    pairs = [
        {"a": str(a), "b": str(b), "distance": matcher.distance(templates[a], templates[b])}
        for a, b in combinations(images, 2)
        if a in templates and b in templates
    ]
    if as_json:
        output.echo_json(pairs)
    elif pairs:
        low, high = loaded.plugin.score_range
        title = f"{loaded.component.label}: distance in {low:g}..{high:g}, lower means more alike"
        output.echo_table(
            ["a", "b", "distance"], [[str(p["a"]), str(p["b"]), f"{p['distance']:.6f}"] for p in pairs], title
        )
    if len(templates) < len(set(images)):
        raise click.exceptions.Exit(2)


def _say(sentence: str) -> None:
    output.echo(sentence, err=True)
