"""Requests and results in the forms of all protocols."""
