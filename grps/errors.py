"""The exception tree of GRPS."""

from __future__ import annotations


class GrpsError(Exception):
    """Base of every error that GRPS raises; its text is for users."""


class ConfigError(GrpsError):
    """A configuration file, key or flag is wrong; the text says where and what is allowed."""


class ModelError(GrpsError):
    """A model can't be loaded, warmed up or run."""


class DeviceError(ModelError):
    """The requested device is not on this machine, or the backend does not support it."""


class MissingExtraError(GrpsError):
    """A Python package that an optional feature needs is not installed."""

    def __init__(self, package: str, extra: str, needs: str = "") -> None:
        """Name the missing ``package``, the ``extra`` of grpst that brings it and what it needs."""
        also = f" (it needs {needs})" if needs else ""
        super().__init__(f"{package} is not installed; run: pip install 'grpst[{extra}]'{also}")


class InputError(GrpsError):
    """A request does not fit the model; the client gets status 400."""


class DeployError(GrpsError):
    """A service can't be started, stopped or found."""


class HomeError(DeployError):
    """The folder of services is not known or can't be written; the text names ``GRPS_HOME``."""


class ArchiveError(DeployError):
    """An archive can't be written, or is damaged, unsafe or too large."""
