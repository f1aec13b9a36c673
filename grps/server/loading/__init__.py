"""From the configuration of a model to its loaded copies."""
