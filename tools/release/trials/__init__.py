"""Tests what is released as its users get it, on this machine and in others that are emulated."""
