"""One module per kind of source: what is at a URI, and how its files are read."""
