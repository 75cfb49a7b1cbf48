"""The people responsible for a dossier."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

from deidkit.errors import UsageError


@dataclass(frozen=True)
class Party:
    """A person responsible for a dossier; empty fields are to be filled in by hand.

    Attributes:
        date: Date of their signature, ISO 8601.
    """

    name: str = ""
    organisation: str = ""
    date: str = ""

    @classmethod
    def parse(cls, text: str, role: str) -> Party:
        """Parse ``NAME; ORGANISATION; DATE``; trailing parts may be omitted.

        Raises:
            UsageError: The text has too many parts, no name, or an invalid date.
        """
        parts = [part.strip() for part in text.split(";")]
        if len(parts) > len(fields(cls)) or not parts[0]:
            raise UsageError(f"--{role} '{text}' must have the form 'NAME; ORGANISATION; DATE'.")
        party = cls(*parts)
        if party.date:
            try:
                date.fromisoformat(party.date)
            except ValueError as error:
                raise UsageError(f"the date '{party.date}' of --{role} is invalid; write it as 2026-11-30.") from error
        return party

    @property
    def words(self) -> str:
        """Name and organisation; empty if neither is known."""
        return ", ".join(part for part in (self.name, self.organisation) if part)


@dataclass(frozen=True)
class Parties:
    """Who made the audit, who reviewed it, and the controller of the processing (GDPR, article 4(7))."""

    auditor: Party = Party()
    reviewer: Party = Party()
    controller: Party = Party()
