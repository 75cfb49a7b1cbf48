"""Comparison of finished submissions of one benchmark, as by ``deidkit compare``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deidkit_service import tables
from deidkit_service.accounts import Person
from deidkit_service.home import Home
from deidkit_service.refusals import Refusal
from deidkit_service.submissions import finished, report_file

if TYPE_CHECKING:
    from deidkit.audit_changes import Comparison
    from deidkit.audit_comparison import Side

MOST = 10
"""Maximum number of submissions in one comparison."""


class Unlike(Refusal):
    """Submissions were not measured under the same conditions."""


def compared(
    home: Home, person: Person | None, benchmark: str, identifiers: Sequence[str], *, force: bool = False
) -> Comparison:
    """Compare submissions with the first of them.

    Raises:
        Unlike: They differ in more than their engines, and `force` is not set.
        Refusal: There are too few or too many, or one of them is not visible to the person or not comparable.
    """
    distinct = list(dict.fromkeys(identifiers))
    if not 2 <= len(distinct) <= MOST:
        raise Refusal(422, f"choose 2 to {MOST} submissions to compare.")
    rows = [finished(home, person, identifier) for identifier in distinct]
    for row in rows:
        if row.benchmark != benchmark:
            raise Refusal(422, f"submission {row.id} is to benchmark '{row.benchmark}', not to '{benchmark}'.")
        if row.kind == "scores":
            raise Refusal(422, f"submission {row.id} is of scores that were measured elsewhere; they are not compared.")
    from deidkit.audit_comparison import compare  # slow to import

    made = compare([_side(home, person, row) for row in rows], force=True)
    differences = list(dict.fromkeys(difference for other in made.others for difference in other.unlike))
    if differences and not force:
        raise Unlike(
            409,
            f"these submissions differ in more than their engines: {'; '.join(differences)}. Compare them all the "
            "same with force=true.",
        )
    return made


def _side(home: Home, person: Person | None, row: tables.Submission) -> Side:
    """One side of a comparison: the report's result, with each person's contributions from the score store."""
    from deidkit.audit_comparison import Side, read_report
    from deidkit.store import load_contributions, load_result, opened_store

    result = read_report(report_file(home, person, row.id, "report.json"))
    with opened_store(home.scores, "read") as store:
        measured = load_result(store, row.audit_id)
        contributions = load_contributions(store, row.audit_id)
    shown = [engine.component.label for engine in result.engines]
    names = dict(zip([engine.component.label for engine in measured.engines], shown, strict=True))
    renamed = {place._replace(engine=names.get(place.engine, "")): people for place, people in contributions.items()}
    return Side(result, (shown[0],), renamed)
