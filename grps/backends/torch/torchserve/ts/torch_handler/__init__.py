"""Handlers that archives name, and that other handlers derive from."""
