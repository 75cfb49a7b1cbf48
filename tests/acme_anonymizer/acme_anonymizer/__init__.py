"""Plugins of a company that deidkit knows nothing about."""
