"""Checks the description of a running service by schemathesis."""
