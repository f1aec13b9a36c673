"""Benchmarks of the running server: ``make bench``."""
