"""LightGBM: boosters."""
