"""A director in a process of this machine, without Ray."""
