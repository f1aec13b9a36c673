"""What ``grpst call`` reads from its command line and writes as its result."""
