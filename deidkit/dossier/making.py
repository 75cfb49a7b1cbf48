"""Writes a dossier, with reports, records, manifest and signature, as a folder and as a zip file."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from deidkit import plugins
from deidkit.dossier import contents, manifest
from deidkit.dossier.parties import Parties
from deidkit.dossier.timestamps import timestamp
from deidkit.errors import DeidkitError, UsageError, os_errors_as
from deidkit.result import AuditResult

if TYPE_CHECKING:
    from deidkit.dossier.keys import PrivateKey

ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""Fixed time of all zip entries, for reproducible files."""

README = """This is the dossier of audit {audit} by deidkit {version}.

report.pdf           the report; its first page is a summary
report.json          every number; report.schema.json describes it
policy.json, .toml   what was required
reproduction.json    all that is needed to make the audit again
attacks.json         attacks that were run, and those that were not
limits.json          what no number here says
parties.json         who answers for it
MANIFEST.sha256      the SHA-256 of every file: sha256sum --check MANIFEST.sha256
signature.json       who signed the manifest, if anybody did

Check it with:  deidkit verify {name}  (with --key FILE.pub, to require a key that you know)
"""


@dataclass(frozen=True, kw_only=True)
class DossierPlan:
    """Settings of a dossier.

    Attributes:
        folder: Output folder; the zip file is beside it, with ``.zip`` appended.
        parties: Parties responsible for the dossier.
        key: Signing key; None for no signature.
        policy: Name or file of the audit's policy; empty for the one given to the audit.
        timestamp_url: URL of a time-stamping authority (RFC 3161); empty for none.
        overwrite: Whether to replace an existing dossier.
    """

    folder: Path
    parties: Parties = field(default_factory=Parties)
    key: PrivateKey | None = None
    policy: str = ""
    timestamp_url: str = ""
    overwrite: bool = False


def make_dossier(result: AuditResult, plan: DossierPlan) -> tuple[Path, Path]:
    """Write a dossier.

    Returns:
        The folder and the file; both appear whole or not at all.

    Raises:
        UsageError: It already exists.
        DeidkitError: It cannot be written, or a time-stamping authority does not answer.
        MissingDependency: A package is needed that is not installed.
    """
    archive = plan.folder.with_name(f"{plan.folder.name}.zip")
    _check_place(plan, archive)
    made = _contents(result, plan)
    made[manifest.MANIFEST] = manifest.written(made)
    made |= _about(result, plan, made[manifest.MANIFEST])
    with os_errors_as(DeidkitError, f"the dossier {plan.folder} cannot be written"):
        _publish(made, plan.folder, archive)
    return plan.folder, archive


def _contents(result: AuditResult, plan: DossierPlan) -> dict[str, bytes]:
    """Make all files that the manifest lists."""
    made = dict(contents.files(result, plan.parties, plan.policy))
    roles = {role: "; ".join(party.values()).rstrip("; ") for role, party in asdict(plan.parties).items()}
    writer = plugins.create("report", "pdf", extra=roles).plugin
    with TemporaryDirectory() as folder:
        made["report.pdf"] = Path(writer.write(result, Path(folder))[0]).read_bytes()
    readme = README.format(audit=result.audit_id, version=result.provenance.deidkit, name=plan.folder.name)
    made["README.txt"] = readme.encode()
    return made


def _about(result: AuditResult, plan: DossierPlan, listed: bytes) -> dict[str, bytes]:
    """Make signature and time stamp, which refer to the manifest and are not listed in it."""
    found: dict[str, bytes] = {}
    if plan.key is not None:
        statement = manifest.Statement(
            format=manifest.FORMAT,
            audit=result.audit_id,
            manifest_sha256=hashlib.sha256(listed).hexdigest(),
            signer=plan.parties.auditor.words,
            signed=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        text = msgspec.json.encode(statement).decode()
        found[manifest.SIGNATURE] = contents.as_json(
            manifest.Signature(
                algorithm="Ed25519",
                statement=text,
                public_key=plan.key.public.hex(),
                signature=plan.key.key.sign(text.encode()).hex(),
            )
        )
    if plan.timestamp_url:
        found[manifest.TIMESTAMP] = timestamp(plan.timestamp_url, found.get(manifest.SIGNATURE, listed))
    return found


def _check_place(plan: DossierPlan, archive: Path) -> None:
    existing = next((path for path in (plan.folder, archive) if path.exists()), None)
    if existing is None:
        return
    if not plan.overwrite:
        raise UsageError(f"{existing} already exists; choose another --output or allow --overwrite.")
    if plan.folder.exists() and not (plan.folder / manifest.MANIFEST).is_file():
        raise UsageError(f"{plan.folder} is not a dossier and is not replaced; take another --output.")


def _publish(made: Mapping[str, bytes], folder: Path, archive: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # left by a killed process
    part.mkdir()
    try:
        for name, data in made.items():
            (part / name).write_bytes(data)
        packed = part / ".zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            for name in sorted(made):
                entry = zipfile.ZipInfo(f"{folder.name}/{name}", ZIP_TIME)
                entry.external_attr = 0o644 << 16
                file.writestr(entry, made[name], zipfile.ZIP_DEFLATED)
        packed.replace(archive)
        shutil.rmtree(folder, ignore_errors=True)
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
