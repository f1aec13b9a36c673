"""Archives of projects: packing and unpacking."""
