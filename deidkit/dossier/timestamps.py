"""Time stamps by a third party (RFC 3161), which prove when a dossier existed independently of the signer's clock."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import httpx

from deidkit.errors import DeidkitError, MissingDependency

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

SECONDS = 20.0
"""Timeout, in seconds, of an authority's answer."""

MOST_BYTES = 1_000_000


def timestamp(url: str, data: bytes) -> bytes:
    """Request a time stamp of the SHA-512 of some bytes; returns the authority's DER-encoded TimeStampResp.

    Raises:
        DeidkitError: The authority cannot be reached, refuses, or stamps something else.
        MissingDependency: rfc3161-client is not installed.
    """
    try:
        from rfc3161_client import TimestampRequestBuilder
    except ModuleNotFoundError as error:
        raise _missing() from error
    request = TimestampRequestBuilder().data(data).build()
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    try:
        answer = httpx.post(url, content=request.as_bytes(), headers=headers, timeout=SECONDS)
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DeidkitError(
            f"the time-stamping authority {url} returned no time stamp: {error}. Leave --timestamp-url out, or take "
            "another authority."
        ) from error
    if len(answer.content) > MOST_BYTES or not is_stamp_of(answer.content, data):
        raise DeidkitError(
            f"the time-stamping authority {url} returned no time stamp of this dossier; take another authority."
        )
    return answer.content


def is_stamp_of(stamp: bytes, data: bytes) -> bool:
    """Whether a stamp belongs to these bytes; its issuer is not verified, use ``openssl ts -verify`` for that."""
    response = _decoded(stamp)
    if response is None or response.status != 0:
        return False
    imprint = response.tst_info.message_imprint
    algorithms = {"2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.3": "sha512"}
    name = algorithms.get(imprint.hash_algorithm.dotted_string)
    return name is not None and hashlib.new(name, data).digest() == imprint.message


def time_of(stamp: bytes) -> str:
    """Time of a stamp by its authority's clock, ISO 8601; empty if it is not a stamp."""
    response = _decoded(stamp)
    return "" if response is None else response.tst_info.gen_time.isoformat()


def _decoded(stamp: bytes) -> TimeStampResponse | None:
    try:
        from rfc3161_client import decode_timestamp_response
    except ModuleNotFoundError as error:
        raise _missing() from error
    try:
        return decode_timestamp_response(stamp)
    except ValueError:
        return None


def _missing() -> MissingDependency:
    return MissingDependency("time stamps need rfc3161-client. Install it with: pip install 'rfc3161-client>=1.0'")
