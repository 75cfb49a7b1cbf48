"""Identification of the running code of deidkit."""

from __future__ import annotations

import hashlib
import subprocess
from functools import cache
from pathlib import Path

import deidkit

_PACKAGE = Path(deidkit.__file__).resolve().parent


def commit() -> str:
    """Git commit of a checkout that runs in place, marked if there are local changes; empty for an install."""
    root = _PACKAGE.parent
    if not (root / ".git").exists():
        return ""
    try:
        head = subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "-C", root, "status", "--porcelain", "-uno"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + (" with local changes" if dirty.stdout.strip() else "")


@cache
def code_digest() -> str:
    """SHA-256 of deidkit's own modules without plugins, which distinguishes states of one version."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
