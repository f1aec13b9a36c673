"""Services that models run in."""
