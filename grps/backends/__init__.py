"""Engine adapters, one per engine; each framework is imported only when used."""

from __future__ import annotations

from grps.backends.base import Backend, Signature, TensorSpec
from grps.backends.registry import load_backend
from grps.backends.signature import describe
from grps.backends.warm_up import warm_up

__all__ = ["Backend", "Signature", "TensorSpec", "describe", "load_backend", "warm_up"]
