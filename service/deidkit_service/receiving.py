"""Receives uploads, whole or in parts, into files, limits their size and hashes them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select
from starlette.concurrency import run_in_threadpool

from deidkit_service import tables
from deidkit_service.accounts import Person
from deidkit_service.home import Home
from deidkit_service.records import UploadState
from deidkit_service.refusals import Refusal, not_found


@dataclass(frozen=True)
class ReceivedFile:
    """A complete upload.

    Attributes:
        digest: SHA-256 of its content, in hex.
    """

    path: Path
    digest: str
    size: int


async def receive(home: Home, stream: AsyncIterable[bytes]) -> ReceivedFile:
    """Write a whole upload to a file. Raises Refusal if it is too large or empty."""
    path, digest, size = home.upload(secrets.token_hex(8)), hashlib.sha256(), 0
    try:
        with path.open("xb") as file:
            async for block in stream:
                size += len(block)
                if size > home.settings.max_upload_bytes:
                    raise too_large(home)
                digest.update(block)
                file.write(block)
        if size == 0:
            raise Refusal(422, "the upload is empty.")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return ReceivedFile(path, digest.hexdigest(), size)


def begin(home: Home, person: Person, digest: str, size: int) -> UploadState:
    """Begin an upload in parts, or resume one of the same content.

    Raises:
        Refusal: Size or digest is invalid, or too many other uploads are unfinished.
    """
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise Refusal(422, "'sha256' is the SHA-256 of the whole file in hex.")
    if size > home.settings.max_upload_bytes:
        raise too_large(home)
    if size < 1:
        raise Refusal(422, "the upload is empty.")
    with home.database.writing() as session:
        u = tables.Upload
        known = session.scalar(select(u).where(u.token_id == person.token_id, u.digest == digest, u.size == size))
        if known is None:
            mine = list(session.scalars(select(u.id).where(u.token_id == person.token_id)))
            if len(mine) >= home.settings.waiting:
                raise Refusal(
                    429,
                    f"{len(mine)} uploads of this token are unfinished, which is the limit; finish one, or give one "
                    f"up: DELETE /api/v1/uploads/{mine[0]}",
                )
            known = u(id=secrets.token_hex(8), token_id=person.token_id, digest=digest, size=size)
            known.created = home.database.now(session)
            home.upload(known.id).touch(mode=0o600)
            session.add(known)
    path = home.upload(known.id)
    path.touch(mode=0o600)
    return UploadState(id=known.id, offset=path.stat().st_size, size=size)


async def append(home: Home, person: Person, identifier: str, offset: int, stream: AsyncIterable[bytes]) -> UploadState:
    """Append a part to an upload.

    Raises:
        Refusal: The upload is not the person's, `offset` is not its present size, or it exceeds the announced size.
    """
    row = await run_in_threadpool(announced, home, person, identifier)
    path = home.upload(identifier)
    there = path.stat().st_size
    if offset != there:
        raise Refusal(409, f"{there} bytes are there; continue from there.")
    with path.open("r+b") as file:  # not "ab": after a lost connection, the same part may still be arriving
        file.seek(offset)
        async for block in stream:
            there += len(block)
            if there > row.size:
                raise Refusal(413, f"{row.size} bytes were announced, but more are sent.")
            file.write(block)
    return UploadState(id=identifier, offset=there, size=row.size)


def complete(home: Home, person: Person, identifier: str) -> ReceivedFile:
    """Return a complete upload after checking its size and digest.

    Raises:
        Refusal: It is not the person's, is incomplete, or has another digest than announced; the last is removed.
    """
    row = announced(home, person, identifier)
    path = home.upload(identifier)
    try:
        with path.open("rb") as file:
            if (size := path.stat().st_size) < row.size:
                raise Refusal(409, f"{size} of {row.size} bytes are there; send the rest first.")
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:  # it was submitted or removed meanwhile
        raise not_found("upload", identifier) from None
    if digest != row.digest:
        remove(home, identifier)
        raise Refusal(422, "what arrived is not what was announced (its SHA-256 differs); send it again.")
    return ReceivedFile(path, row.digest, row.size)


def forget(home: Home, person: Person, identifier: str) -> None:
    """Remove a person's unfinished upload. Raises Refusal if it does not exist or is not the person's."""
    remove(home, announced(home, person, identifier).id)


def remove(home: Home, identifier: str) -> None:
    """Remove the file and the row of an upload."""
    home.upload(identifier).unlink(missing_ok=True)  # first, to make room for the transaction on a full disk
    with home.database.writing() as session:
        session.execute(delete(tables.Upload).where(tables.Upload.id == identifier))


def announced(home: Home, person: Person, identifier: str) -> tables.Upload:
    """Return a person's unfinished upload. Raises Refusal if it does not exist or is not the person's."""
    with home.database.reading() as session:
        row = session.get(tables.Upload, identifier)
    if row is None or row.token_id != person.token_id or not home.upload(identifier).exists():
        raise not_found("upload", identifier)
    return row


def too_large(home: Home) -> Refusal:
    """Return the Refusal for an upload above the size limit."""
    return Refusal(413, f"an upload has at most {home.settings.max_upload_bytes} bytes.")
