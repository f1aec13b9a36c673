"""From a model archive of TorchServe to a project."""
