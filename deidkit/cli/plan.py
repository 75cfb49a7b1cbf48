"""``deidkit plan``: how many people a requirement needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deidkit.cli import output

if TYPE_CHECKING:
    from deidkit.errors import UsageError
    from deidkit.measures.planning import Need


@click.command()
@click.argument("requirements", nargs=-1, required=True, metavar="REQUIREMENT...")
@click.option("--subjects", type=click.IntRange(1), help="Subjects available: exit code 1 if they are too few.")
@click.option("--samples", type=click.IntRange(1), help="Pictures of each person, for the number of pictures to take.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(requirements: tuple[str, ...], subjects: int | None, samples: int | None, as_json: bool) -> None:
    r"""Compute in advance how many people a requirement needs.

    With fewer people not even a perfect result passes, because the 95 % interval of "no exception" does not reach the
    limit. More pictures of the same people do not help: people differ, and their pictures are alike.

    Exit codes: 0 planned, 1 the subjects are too few, 2 a limit is not known beforehand, or a mistake.

    \b
        deidkit plan 'rejection_rate_percent >= 95' --subjects 30
    """
    from deidkit.errors import UsageError
    from deidkit.measures.planning import Need
    from deidkit.measures.registry import OF_ATTACKS, OF_CELLS, names, of_engines
    from deidkit.verdict import Policy

    policy = Policy().with_lines(requirements)
    policy.check(names((*OF_CELLS, *OF_ATTACKS, *of_engines())), ["all"])
    rules = policy.rules
    needs: list[Need | UsageError] = []
    for rule in rules:
        try:
            needs.append(rule.condition.subjects_needed())
        except UsageError as unknown:  # continue with the other requirements
            needs.append(unknown)
    refusals = [None if subjects is None else rule.condition.impossible_with(subjects) for rule in rules]
    if as_json:
        output.echo_json(
            [
                {
                    "requirement": rule.text,
                    **_as_json(need, samples),
                    "possible": refusal is None if subjects is not None and isinstance(need, Need) else None,
                }
                for rule, need, refusal in zip(rules, needs, refusals, strict=True)
            ]
        )
    else:
        for sentence in policy.wrong_ways():
            output.echo(f"note: {sentence}.", err=True)
        for rule, need, refusal in zip(rules, needs, refusals, strict=True):
            if isinstance(need, UsageError):
                output.echo(f"{rule.text}: not known beforehand: {need}")
                continue
            if need.subjects is None:
                output.echo(f"{rule.text}: no number of people is enough: {need.reason}.")
                continue
            pictures = f", {need.subjects * samples} pictures" if samples else ""
            people = "person" if need.subjects == 1 else "people"
            output.echo(f"{rule.text}: at least {need.subjects} {people}{pictures}; {need.reason}.")
            if refusal:
                output.echo(f"{refusal[0].upper()}{refusal[1:]}.")
    if any(refusals):
        raise click.exceptions.Exit(1)
    if not all(isinstance(need, Need) for need in needs):
        raise click.exceptions.Exit(2)


def _as_json(need: Need | UsageError, samples: int | None) -> dict[str, object]:
    if isinstance(need, Exception):
        return {"subjects": None, "pictures": None, "reason": str(need)}
    pictures = need.subjects * samples if need.subjects and samples else None
    return {"subjects": need.subjects, "pictures": pictures, "reason": need.reason}
