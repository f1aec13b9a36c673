"""Models that are functions or classes of one Python file, marked with ``@grps.model``."""
