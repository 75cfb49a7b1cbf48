"""Measures of picture quality by networks trained on photographs."""
