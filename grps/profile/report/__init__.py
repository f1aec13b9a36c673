"""A profile as tables, as JSON, as stacks and as a page."""
