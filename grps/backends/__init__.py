"""Engine adapters, one package per engine; each framework is imported only when used."""
