"""A dossier: an audit as a folder that can be filed, signed and checked years later."""

from deidkit.dossier.checking import Checked, check_dossier
from deidkit.dossier.making import DossierPlan, make_dossier
from deidkit.dossier.parties import Parties, Party

__all__ = ["Checked", "DossierPlan", "Parties", "Party", "check_dossier", "make_dossier"]
