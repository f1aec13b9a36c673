"""The end of a search as text, as JSON and as a page."""
