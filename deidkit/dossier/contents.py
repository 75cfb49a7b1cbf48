"""The files of a dossier besides the report: policy, reproduction record, attacks, limits, parties, schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from deidkit.dossier.parties import Parties
from deidkit.errors import DeidkitError
from deidkit.printing import printable_json
from deidkit.result import AuditResult, Component, Provenance
from deidkit.verdict import attack_classes, find_policy, limits
from deidkit.verdict.policy import policy_text


@dataclass(frozen=True)
class Reproduction:
    """All that is needed to make the audit again.

    Attributes:
        provenance: Code, packages, machine, seeds and options.
        dataset_fingerprint: SHA-256 over every sample's key, identity and content.
        components: Every plugin with version, options and the hashes of its model files.
    """

    command: str
    provenance: Provenance
    dataset_fingerprint: str
    components: list[Component]


def files(result: AuditResult, parties: Parties, policy: str = "") -> Iterator[tuple[str, bytes]]:
    """Name and content of each file besides the report; an empty policy is the one that the audit was given."""
    yield "report.json", as_json(result)
    yield "report.schema.json", as_json(schema())
    yield (
        "reproduction.json",
        as_json(
            Reproduction(
                command=result.provenance.command,
                provenance=result.provenance,
                dataset_fingerprint=result.dataset.fingerprint,
                components=components(result),
            )
        ),
    )
    classes = attack_classes(result)
    yield (
        "attacks.json",
        as_json(
            {
                "run": [each for each in classes if each.run],
                "not_run": [each for each in classes if not each.run],
                "results": result.attacks,
            }
        ),
    )
    yield "limits.json", as_json(limits(result))
    yield "parties.json", as_json(parties)
    yield from _policy(result, policy)


def schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of ``report.json``."""
    return msgspec.json.schema(AuditResult) | {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Result of a deidkit audit",
    }


def as_json(value: Any) -> bytes:
    """A record as JSON, laid out as the reports are."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return f"{printable_json(text)}\n".encode()


def components(result: AuditResult) -> list[Component]:
    """Every plugin of an audit."""
    return [
        result.dataset.component,
        *result.hand_analysis,
        *(recognizer.component for recognizer in result.recognizers),
        *(engine.component for engine in result.engines),
        *result.attackers,
        *result.quality_measures,
    ]


def _policy(result: AuditResult, policy: str) -> Iterator[tuple[str, bytes]]:
    """What was required, as the result has it; and the policy's own file, where it is still what it was."""
    verdict = result.verdict
    stated = {check.text: check.reason for check in verdict.requirements}
    yield (
        "policy.json",
        as_json(
            {
                "name": verdict.policy,
                "sha256": verdict.policy_digest,
                "requirements": [{"text": text, "reason": reason} for text, reason in stated.items()],
            }
        ),
    )
    name = policy or str(result.provenance.options.get("policy") or "")
    if not name:
        return
    lines = [str(line) for line in result.provenance.options.get("requirements") or []]
    try:
        if find_policy(name).with_lines(lines).digest == verdict.policy_digest:
            yield "policy.toml", policy_text(name).encode()
    except DeidkitError:
        return  # moved or changed since; what it required is in policy.json
