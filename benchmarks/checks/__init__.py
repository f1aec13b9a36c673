"""Claims of the documentation, measured again: with other tools, beside theory, and by turns."""
