"""What user code knows of the request it works on."""

from grps.inference.context import GrpsContext

__all__ = ["GrpsContext"]
