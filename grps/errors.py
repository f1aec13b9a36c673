"""The exception tree of GRPS."""

from __future__ import annotations

FIRST_REFUSAL = 400
LAST_REFUSAL = 499
"""The HTTP statuses that refuse a request."""


class StopRequested(BaseException):
    """Ends the loading of models when a signal requests the end of the process.

    It is no ``Exception``, so that user code lets it pass, and the only exception that what runs
    requests lets pass: any other, ``SystemExit`` included, fails its request.
    """


class GrpsError(Exception):
    """Base of every error that GRPS raises; its text is for users."""


class ConfigError(GrpsError):
    """A configuration file, key or flag is wrong; the text says where and what is allowed."""


class ModelError(GrpsError):
    """A model can't be loaded, warmed up or run."""


class SourceError(ModelError):
    """A model can't be fetched from where its URI points; the text has no credentials."""


class SourceUnavailableError(SourceError):
    """The host of a model does not answer, so nothing is known against a copy in the cache."""


class DeviceError(ModelError):
    """The requested device is not on this machine, or the backend does not support it."""


class MissingExtraError(GrpsError):
    """A Python package that an optional feature needs is not installed."""

    def __init__(self, package: str, extra: str, needs: str = "") -> None:
        """Name the missing ``package``, the ``extra`` of grpst that brings it and what it needs."""
        also = f" (it needs {needs})" if needs else ""
        super().__init__(f"{package} is not installed; run: pip install 'grpst[{extra}]'{also}")


class InputError(GrpsError):
    """A request does not fit the model; user code raises it to refuse one.

    The client gets the message with the status; the model has not failed. Over gRPC the status is
    in the message, as every failure of a model call is.

    Attributes:
        status: The HTTP status that the client gets.
    """

    def __init__(self, message: str = "", status: int = 400) -> None:
        """Refuse a request.

        Args:
            message: What is wrong with it, and what to do; one line for the client.
            status: An HTTP status of client errors, 400 to 499.

        Raises:
            ValueError: The status is another one.
        """
        if not FIRST_REFUSAL <= status <= LAST_REFUSAL:
            raise ValueError(
                f"InputError: status {status} does not refuse a request; use "
                f"{FIRST_REFUSAL} to {LAST_REFUSAL}"
            )
        super().__init__(message)
        self.status = int(status)


class DeployError(GrpsError):
    """A service can't be started, stopped or found."""


class HomeError(DeployError):
    """The folder of services is not known or can't be written; the text names ``GRPS_HOME``."""


class ArchiveError(DeployError):
    """An archive can't be written, or is damaged, unsafe or too large."""
