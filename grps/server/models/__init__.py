"""Models of a service: their loading, their instances and their life cycle."""
