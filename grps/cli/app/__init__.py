"""Python files whose functions and classes are models, on the command line."""
