"""What handlers of TorchServe import of the package ``ts``, where ``torchserve`` is not installed.

In the process of a model archive, ``grps.backends.torch.torchserve.modules`` puts these modules
under the name ``ts``. Names and behaviour are TorchServe's; what no handler imports is absent.
"""

__version__ = "0.12.0"
