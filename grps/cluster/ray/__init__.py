"""The only modules that import Ray, each when it is used."""
