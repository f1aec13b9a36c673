"""Checks of the source tree that ``make lint`` runs; ``python -m tools.checks.words`` runs one."""
