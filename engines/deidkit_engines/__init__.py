"""Engines: the anonymizers deidkit ships, and the doors through which others come in."""
