"""Trials of settings under load, with services that are really started."""
