"""The code of the service."""
