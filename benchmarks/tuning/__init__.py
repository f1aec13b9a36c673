"""What is chosen for a model, beside fixed settings."""
