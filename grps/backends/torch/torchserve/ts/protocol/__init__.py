"""Responses that are sent in pieces."""
