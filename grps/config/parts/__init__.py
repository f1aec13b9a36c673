"""Structures of the configuration, apart from ``schema.py``."""
