"""The service that clients are tested with, and what the tests found."""
