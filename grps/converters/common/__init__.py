"""What the built-in converters share."""
