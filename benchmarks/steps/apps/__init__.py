"""The same mock model for each of the servers."""
