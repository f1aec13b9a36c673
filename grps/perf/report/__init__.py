"""The result of a load test as a table, as JSON and as a page."""
