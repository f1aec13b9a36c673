"""Built-in converters: from files and text to tensors, from scores to labels."""
