"""A fuzzer of the first bytes and of the parsers of all protocols: ``python -m tools.fuzz``."""
