"""Instances in processes of their own: the worker, and the server's side of it."""
