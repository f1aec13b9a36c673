"""Side-by-side benchmark of GRPS and other model servers: ``python -m benchmarks.peers``."""
