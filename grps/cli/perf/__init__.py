"""What ``grpst perf`` reads from its command line, and how it shows its progress."""
