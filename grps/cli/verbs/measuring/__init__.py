"""Verbs that measure models and services."""
