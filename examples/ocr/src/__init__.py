"""Code of the project."""
