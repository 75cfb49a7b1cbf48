"""Tables of the score store.

The store holds scores, metrics, hashes and settings: no pixels, templates or file names. Subjects and samples appear as
numbers that only the data set's owner can map back. Texts from plugins or users have no length limit: only some
databases enforce one, and they would reject the results of an audit at its end.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Naming convention of constraints, so that later migrations can refer to them."""


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=NAMING)


class Dataset(Base):
    """One state of a data set, identified by its fingerprint."""

    __tablename__ = "dataset"

    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(Text)
    samples: Mapped[int]
    subjects: Mapped[int]
    identities: Mapped[int]


class Component(Base):
    """One plugin with its version, options and weights."""

    __tablename__ = "component"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    distribution: Mapped[str] = mapped_column(Text)
    options: Mapped[dict[str, object]] = mapped_column(JSON)
    weights: Mapped[dict[str, object]] = mapped_column(JSON)


class Audit(Base):
    """One audit; `document` is its result in the format of the JSON report, once it is done."""

    __tablename__ = "audit"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    plan_digest: Mapped[str] = mapped_column(String(64), index=True)
    plan: Mapped[dict[str, object]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String(20))
    started: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    finished: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    deidkit_version: Mapped[str] = mapped_column(String(80))
    output: Mapped[str] = mapped_column(Text)
    verdict: Mapped[str | None] = mapped_column(String(20))
    document: Mapped[str | None] = mapped_column(Text)
    dataset_id: Mapped[int | None] = mapped_column(ForeignKey("dataset.id"))

    dataset: Mapped[Dataset | None] = relationship()
    score_sets: Mapped[list[ScoreSet]] = relationship(back_populates="audit", cascade="all, delete-orphan")
    metrics: Mapped[list[Metric]] = relationship(back_populates="audit", cascade="all, delete-orphan")
    failures: Mapped[list[Failure]] = relationship(back_populates="audit", cascade="all, delete-orphan")
    timings: Mapped[list[Timing]] = relationship(back_populates="audit", cascade="all, delete-orphan")


class ScoreSet(Base):
    """The scores of one kind of comparison in one audit."""

    __tablename__ = "score_set"
    __table_args__ = (UniqueConstraint("audit_id", "recognizer_id", "engine_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    audit_id: Mapped[str] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"), index=True)
    recognizer_id: Mapped[int] = mapped_column(ForeignKey("component.id"))
    engine_id: Mapped[int | None] = mapped_column(ForeignKey("component.id"))
    kind: Mapped[str] = mapped_column(String(40))
    count: Mapped[int] = mapped_column(BigInteger)
    mean: Mapped[float | None] = mapped_column(Float)
    std: Mapped[float | None] = mapped_column(Float)
    storage: Mapped[str] = mapped_column(String(20))
    low: Mapped[float | None] = mapped_column(Float)
    high: Mapped[float | None] = mapped_column(Float)

    audit: Mapped[Audit] = relationship(back_populates="score_sets")
    recognizer: Mapped[Component] = relationship(foreign_keys=[recognizer_id])
    engine: Mapped[Component | None] = relationship(foreign_keys=[engine_id])
    blocks: Mapped[list[ScoreBlock]] = relationship(
        back_populates="score_set", cascade="all, delete-orphan", order_by="ScoreBlock.position"
    )


class ScoreBlock(Base):
    """Up to 65,536 scores of a set, or its histogram; every column zstandard-compressed."""

    __tablename__ = "score_block"

    score_set_id: Mapped[int] = mapped_column(ForeignKey("score_set.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    count: Mapped[int]
    values: Mapped[bytes] = mapped_column(LargeBinary)
    probe_subjects: Mapped[bytes | None] = mapped_column(LargeBinary)
    reference_subjects: Mapped[bytes | None] = mapped_column(LargeBinary)

    score_set: Mapped[ScoreSet] = relationship(back_populates="blocks")


class Metric(Base):
    """One metric of an audit with its interval, or the reason why it was not computed.

    `people` and `contributions` are zstandard-compressed columns: subject numbers, and each subject's contribution to
    the metric (jackknife pseudo-values); `bias` is the jackknife estimate of its bias.
    """

    __tablename__ = "metric"

    id: Mapped[int] = mapped_column(primary_key=True)
    audit_id: Mapped[str] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"), index=True)
    scope: Mapped[str] = mapped_column(String(20))
    engine_id: Mapped[int | None] = mapped_column(ForeignKey("component.id"))
    recognizer_id: Mapped[int | None] = mapped_column(ForeignKey("component.id"))
    name: Mapped[str] = mapped_column(Text)
    value: Mapped[float | None] = mapped_column(Float)
    unit: Mapped[str] = mapped_column(Text)
    low: Mapped[float | None] = mapped_column(Float)
    high: Mapped[float | None] = mapped_column(Float)
    interval: Mapped[str] = mapped_column(Text)
    subjects: Mapped[int | None]
    comparisons: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text)
    remedy: Mapped[str] = mapped_column(Text)
    parameters: Mapped[dict[str, object]] = mapped_column(JSON)
    people: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    contributions: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    bias: Mapped[float | None] = mapped_column(Float)

    audit: Mapped[Audit] = relationship(back_populates="metrics")


class Failure(Base):
    """One picture without a result, identified by its sample number, never by its name."""

    __tablename__ = "failure"

    id: Mapped[int] = mapped_column(primary_key=True)
    audit_id: Mapped[str] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"), index=True)
    engine_id: Mapped[int | None] = mapped_column(ForeignKey("component.id"))
    sample: Mapped[int | None]
    seed: Mapped[int | None]
    stage: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)

    audit: Mapped[Audit] = relationship(back_populates="failures")


class Timing(Base):
    """Time spent in one stage of an audit."""

    __tablename__ = "timing"

    id: Mapped[int] = mapped_column(primary_key=True)
    audit_id: Mapped[str] = mapped_column(ForeignKey("audit.id", ondelete="CASCADE"), index=True)
    stage: Mapped[str] = mapped_column(Text)
    items: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(Float)

    audit: Mapped[Audit] = relationship(back_populates="timings")
