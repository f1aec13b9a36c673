"""Step models: sequences that join and leave a batch between two steps."""
