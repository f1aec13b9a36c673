"""Continuous batching beside other ways to batch sequences: ``python -m benchmarks.steps``."""
