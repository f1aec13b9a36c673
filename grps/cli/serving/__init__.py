"""What the verbs that serve a model share: flags, and starting the service."""
