"""What other programs need to know of the configuration."""
