"""Ed25519 keys in PEM files for signing dossiers. Imported only on use, as cryptography is optional."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from deidkit.errors import MissingDependency, UsageError, os_errors_as

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
except ModuleNotFoundError as error:
    raise MissingDependency("signatures need cryptography. Install it with: pip install 'cryptography>=42'") from error


@dataclass(frozen=True)
class PrivateKey:
    """A private key for signing."""

    key: Ed25519PrivateKey
    path: Path

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return raw(self.key.public_key())


def new_key(path: Path, passphrase: str = "") -> str:
    """Create a private key file, readable by its owner only, and ``PATH.pub`` beside it; returns the fingerprint.

    Raises:
        UsageError: A file already exists, or cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    protection: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    public = public_pem(PrivateKey(key, path))
    for file, data, mode in ((path, private, 0o600), (path.with_name(f"{path.name}.pub"), public, 0o644)):
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError as error:
            raise UsageError(f"{file} already exists; keys are not overwritten: name another with --output.") from error
        except OSError as error:
            raise UsageError(f"the key {file} cannot be written: {error.strerror}.") from error
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
    return fingerprint(raw(key.public_key()))


def public_pem(key: PrivateKey) -> bytes:
    """Public key in PEM, as in a ``.pub`` file."""
    return key.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def read_private_key(path: Path, passphrase: str = "") -> PrivateKey:
    """Read a key that signs. Raises UsageError where it is not there, not such a key, or under another passphrase."""
    data = _read(path)
    try:
        key = serialization.load_pem_private_key(data, passphrase.encode() or None)
    except TypeError as error:
        problem = "is encrypted; give its passphrase with --passphrase" if not passphrase else "is under no passphrase"
        raise UsageError(f"the key {path} {problem}.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        wrong = "the passphrase is wrong, or " if passphrase else ""
        raise UsageError(f"the key {path} cannot be read: {wrong}it is not a private key in PEM.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path} is not an Ed25519 key; make one with: deidkit key new")
    return PrivateKey(key, path)


def read_public_key(path: Path) -> bytes:
    """The 32 bytes of a public key in a PEM file. Raises UsageError where it is not there or is no such key."""
    data = _read(path)
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path} is not a public key in PEM; give the .pub file that deidkit key new made.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path} is not an Ed25519 key.")
    return raw(key)


def fingerprint(public: bytes) -> str:
    """Fingerprint by which people compare keys: SHA-256, in hex, of the 32 bytes of the public key."""
    return hashlib.sha256(public).hexdigest()


def is_signature(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether a signature of some bytes is valid for a public key."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (ValueError, InvalidSignature):
        return False
    return True


def raw(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of a public key."""
    return key.public_bytes_raw()


def _read(path: Path) -> bytes:
    with os_errors_as(UsageError, f"the key {path} cannot be read"):
        return path.read_bytes()
