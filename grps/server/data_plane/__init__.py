"""What the data plane gets of the configuration."""
