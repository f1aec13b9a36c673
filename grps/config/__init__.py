"""Configuration: the data of the two YAML files and the loader that reads them."""
