"""Sections of the configuration in files of their own."""
