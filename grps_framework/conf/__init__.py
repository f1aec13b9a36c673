"""Upstream's import path of the configuration."""
