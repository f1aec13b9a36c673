"""Import paths of upstream's client stubs."""
