"""The cache of models: what is in it, who uses it, what is removed first."""
