"""What the engines' packages share."""
