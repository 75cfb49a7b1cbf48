"""Files of a dossier besides the PDF report: JSON report and schema, policy, reproduction, attacks, limits, parties."""

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
    """Everything needed to repeat the audit.

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
    """Yield name and content of each file; an empty `policy` stands for the one given to the audit."""
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
    """Encode a record as JSON in the format of the reports."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return f"{printable_json(text)}\n".encode()


def components(result: AuditResult) -> list[Component]:
    """Records of all plugins of an audit."""
    return [
        result.dataset.component,
        *result.hand_analysis,
        *(recognizer.component for recognizer in result.recognizers),
        *(engine.component for engine in result.engines),
        *result.attackers,
        *result.quality_measures,
    ]


def _policy(result: AuditResult, policy: str) -> Iterator[tuple[str, bytes]]:
    """Yield the requirements from the result, and the policy's file if it has not changed since."""
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
        return  # file moved or damaged since; policy.json has its requirements
