"""Engine adapters, one file per engine; each framework is imported only when used."""
