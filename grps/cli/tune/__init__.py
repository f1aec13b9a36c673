"""What ``grpst tune`` reads from its command line."""
