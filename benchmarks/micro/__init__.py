"""What single steps in Python cost, by pytest-benchmark: ``pytest benchmarks/micro``."""
