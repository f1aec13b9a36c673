"""What the verbs print: lines, tables, progress, logs and example requests."""
