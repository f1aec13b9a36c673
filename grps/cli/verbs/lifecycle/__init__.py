"""Verbs that stop, restart and remove services."""
