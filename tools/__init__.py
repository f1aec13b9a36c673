"""Programs that build, check and show the project; run them as ``python -m tools.NAME``."""
