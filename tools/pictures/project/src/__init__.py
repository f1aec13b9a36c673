"""The code of the service that is recorded."""
