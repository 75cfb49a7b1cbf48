"""Secrets: in addresses, recognized by a parameter's name or by the form of its value, and in the environment."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

_SECRET = (
    "ak|auth|authentication|authorization|bearer|code|cookie|credential|hash|hmac|jwt|key|oauth|odbc|otp|pass|passcode"
    "|passphrase|passwd|password|pin|pwd|sas|secret|session|sid|sig|signature|sk|token"
)
"""Words; ``odbc_connect`` holds a whole connection string."""

_BESIDE = (
    "access|account|amz|api|app|client|data|db|file|id|master|my|private|public|shared|ssl|subscription|user|value"
)
"""Words that are written together with those."""

_WORD = re.compile(f"({_BESIDE})*({_SECRET})s?({_BESIDE}|{_SECRET})*", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]+")
_PARTS = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_LONG = 16
"""Characters, letters and digits among them, from which a value looks like a secret."""


def secret_parameter(text: str) -> str:
    """The name of the first parameter in ``name=value&name=value`` whose value is a secret.

    Separators are ``&`` and ``;``, and ``?`` and ``#`` as well. A name is compared word by word: ``apiKey`` and
    ``access_key_id`` are found, ``monkey`` and ``keypoints`` are not.

    Returns:
        The name; ``***`` where it may be the secret itself, and an empty text where nothing is secret.
    """
    for part in re.split("[&;?#]", text):
        name, _, value = unquote(part).partition("=")
        if _looks_secret(name):
            return "***"
        if _names_a_secret(name) or _looks_secret(value):
            return name
    return ""


def environment_of_others(*shared: str) -> dict[str, str]:
    """The environment for a process that runs others' code: without deidkit's variables, which hold secrets.

    Args:
        shared: Names of deidkit's variables that it gets all the same.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith("DEIDKIT_") or name in shared}


def _names_a_secret(name: str) -> bool:
    words = _LETTERS.findall(name)
    return any(_WORD.fullmatch(part) for word in words for part in (word, *_PARTS.findall(word)))


def _looks_secret(value: str) -> bool:
    return any(len(word) >= _LONG and _LETTERS.search(word) and re.search(r"\d", word) for word in value.split())
