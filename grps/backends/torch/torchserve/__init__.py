"""Runs handlers of TorchServe, with a ``context`` as TorchServe gives them."""
