"""A repository of models in Triton's layout: ``NAME/VERSION/FILE`` and ``NAME/config.pbtxt``."""
