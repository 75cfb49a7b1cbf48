"""Recognizers: the attackers that try to re-identify people."""
