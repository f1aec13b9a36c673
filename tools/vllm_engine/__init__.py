"""Checks the engine vLLM with a real model and a real service."""
