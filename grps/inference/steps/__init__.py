"""Step models: the user contract of continuous batching, and the loop of an instance."""
