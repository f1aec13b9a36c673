"""Services over several hosts: what runs where, kept so by a director."""
