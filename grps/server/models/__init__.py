"""Models of a service: their instances and their life cycle."""
