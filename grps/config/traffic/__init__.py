"""Rules of the traffic between versions of a model."""
