"""Dossiers of submissions, signed with the service's key."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from deidkit.result import AuditResult
from deidkit_service.home import Home

if TYPE_CHECKING:
    from deidkit.dossier.keys import PrivateKey

KEY = "service.key"
"""File of the private key in the home; that of the public key has the suffix .pub in addition."""

DOSSIER = "dossier.zip"
"""File of the dossier, in the folder of a submission's report."""


def write_dossier(home: Home, result: AuditResult, policy: str, target: Path, work: Path) -> None:
    """Write the dossier of a published result atomically; `policy` is the path of the benchmark's policy file.

    Raises:
        DeidkitError: It cannot be written.
        MissingDependency: WeasyPrint or cryptography is not installed.
    """
    from deidkit.dossier import DossierPlan, Parties, Party, make_dossier

    key = signing_key(home)
    auditor = Party.parse(home.settings.auditor, "auditor") if home.settings.auditor else Party()
    work.mkdir(mode=0o700, exist_ok=True)
    with TemporaryDirectory(dir=work) as made:
        plan = DossierPlan(
            folder=Path(made) / f"{result.audit_id}-dossier", parties=Parties(auditor=auditor), key=key, policy=policy
        )
        make_dossier(result, plan)[1].replace(target)


def signing_key(home: Home) -> PrivateKey:
    """Return the service's private key; the first worker to need it creates it for all.

    Raises:
        UsageError: It cannot be read.
        MissingDependency: cryptography is not installed.
    """
    from deidkit.dossier.keys import new_key, read_private_key

    path = home.folder / KEY
    if not path.exists():
        with TemporaryDirectory(dir=home.folder) as folder:
            made = Path(folder) / KEY
            new_key(made)
            with suppress(FileExistsError):  # another worker was faster
                os.link(made, path)
                made.with_name(f"{KEY}.pub").replace(path.with_name(f"{KEY}.pub"))
    return read_private_key(path)


def public_key(home: Home) -> bytes:
    """Return the public key in PEM. Raises like `signing_key`."""
    from deidkit.dossier.keys import public_pem

    return public_pem(signing_key(home))
