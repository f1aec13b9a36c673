"""Figures that are refreshed until someone ends them: ``grpst top``, ``grpst cluster top``."""
