"""The requests of a load test: of generated inputs, of given ones or of a file."""
