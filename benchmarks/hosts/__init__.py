"""Models on several hosts."""
