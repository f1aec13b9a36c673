"""Logs of services: their lines, and following them."""
