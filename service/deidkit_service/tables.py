"""Tables of the service. Times are seconds since 1970 by `Database.now`, a clock that all workers share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Double, ForeignKey, Integer, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA = 1
"""Version of the tables that this deidkit writes."""


class Base(DeclarativeBase):
    """Base of all tables; their names begin with ``service_``, as a score store may share the database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Schema(Base):
    """Version of the tables in the database; a single row."""

    __tablename__ = "service_schema"

    version: Mapped[int] = mapped_column(Integer, primary_key=True)


class Token(Base):
    """An access token; only the hash of its secret is stored."""

    __tablename__ = "service_token"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(Text)
    organisation: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(20))
    created: Mapped[float] = mapped_column(Double)
    expires: Mapped[float | None] = mapped_column(Double)
    revoked: Mapped[float | None] = mapped_column(Double)
    used: Mapped[float | None] = mapped_column(Double)
    submissions_a_day: Mapped[int | None] = mapped_column(Integer)
    benchmarks: Mapped[list[str]] = mapped_column(JSON, default=list)


class Session(Base):
    """A browser session opened with a token; only the hash of its cookie is stored."""

    __tablename__ = "service_session"

    cookie_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    token_id: Mapped[str] = mapped_column(ForeignKey("service_token.id", ondelete="CASCADE"))
    csrf: Mapped[str] = mapped_column(String(64))
    expires: Mapped[float] = mapped_column(Double)


class Benchmark(Base):
    """A benchmark; its configuration never changes.

    `frozen` is the record that `fingerprint` is the SHA-256 of, see `deidkit_service.freezing`.
    """

    __tablename__ = "service_benchmark"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    dataset: Mapped[str] = mapped_column(Text)
    frozen: Mapped[dict[str, Any]] = mapped_column(JSON)
    fingerprint: Mapped[str] = mapped_column(String(64))
    accepts: Mapped[list[str]] = mapped_column(JSON)
    handed_out: Mapped[bool] = mapped_column(Boolean)
    created: Mapped[float] = mapped_column(Double)
    closed: Mapped[float | None] = mapped_column(Double)


class Submission(Base):
    """A submission; the row is also its entry in the queue, see `deidkit_service.queue`."""

    __tablename__ = "service_submission"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    benchmark: Mapped[str] = mapped_column(ForeignKey("service_benchmark.name"), index=True)
    token_id: Mapped[str] = mapped_column(ForeignKey("service_token.id"), index=True)
    organisation: Mapped[str] = mapped_column(Text, index=True)
    title: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(20))
    engine: Mapped[str] = mapped_column(Text, default="")
    digest: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    published: Mapped[bool] = mapped_column(Boolean, default=False)
    state: Mapped[str] = mapped_column(String(20), index=True)
    sentence: Mapped[str] = mapped_column(Text, default="")
    created: Mapped[float] = mapped_column(Double)
    queued: Mapped[float | None] = mapped_column(Double)
    started: Mapped[float | None] = mapped_column(Double)
    finished: Mapped[float | None] = mapped_column(Double)
    stage: Mapped[str] = mapped_column(Text, default="")
    percent: Mapped[int] = mapped_column(Integer, default=0)
    log: Mapped[str] = mapped_column(Text, default="")
    lease: Mapped[str] = mapped_column(String(40), default="")
    lease_end: Mapped[float] = mapped_column(Double, default=0.0)
    worker: Mapped[str] = mapped_column(Text, default="")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    wanted_end: Mapped[str] = mapped_column(String(20), default="")
    audit_id: Mapped[str] = mapped_column(String(40), default="")
    verdict: Mapped[str] = mapped_column(String(20), default="")
    numbers: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    kept: Mapped[bool] = mapped_column(Boolean, default=True)


class Upload(Base):
    """An unfinished upload, which can be resumed after a lost connection."""

    __tablename__ = "service_upload"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    token_id: Mapped[str] = mapped_column(ForeignKey("service_token.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    created: Mapped[float] = mapped_column(Double)


class Worker(Base):
    """A worker and when it was last seen."""

    __tablename__ = "service_worker"

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    started: Mapped[float] = mapped_column(Double)
    seen: Mapped[float] = mapped_column(Double)
    submission: Mapped[str] = mapped_column(String(20), default="")


class Event(Base):
    """An entry of the activity log for the operator."""

    __tablename__ = "service_event"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    moment: Mapped[float] = mapped_column(Double)
    who: Mapped[str] = mapped_column(Text)
    organisation: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
