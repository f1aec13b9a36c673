"""The pictures of the documentation, which are made from this repository and compared in tests."""
