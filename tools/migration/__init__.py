"""Runs both sides of the pages in ``docs/migrate`` and compares their answers."""
