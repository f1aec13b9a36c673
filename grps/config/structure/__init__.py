"""Parts of the configuration's structure that have a file of their own."""
