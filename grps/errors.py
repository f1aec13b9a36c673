"""The exception tree of GRPS."""

from __future__ import annotations

import os

FIRST_REFUSAL = 400
LAST_REFUSAL = 499
"""The HTTP statuses that refuse a request."""


DOCS_VARIABLE = "GRPS_DOCS_URL"
"""The environment variable with the address of the documentation, where it is served."""


class StopRequested(BaseException):
    """Ends the loading of models when a signal requests the end of the process.

    It is no ``Exception``, so that user code lets it pass, and the only exception that what runs
    requests lets pass: any other, ``SystemExit`` included, fails its request.
    """


class GrpsError(Exception):
    """Base of every error that GRPS raises; its text is for users.

    Attributes:
        docs: The page about such errors and the heading in it, from the folder of the pages.
    """

    docs = "reference/errors.md#errors-of-grpst"


class ConfigError(GrpsError):
    """A configuration file, key or flag is wrong; the text says where and what is allowed."""

    docs = "reference/errors.md#a-configuration-is-wrong"


class ModelError(GrpsError):
    """A model can't be loaded, warmed up or run."""

    docs = "reference/errors.md#a-model-cannot-be-loaded"


class SourceError(ModelError):
    """A model can't be fetched from where its URI points; the text has no credentials."""

    docs = "reference/errors.md#a-model-cannot-be-fetched"


class SourceUnavailableError(SourceError):
    """The host of a model does not answer, so nothing is known against a copy in the cache."""


class DeviceError(ModelError):
    """The requested device is not on this machine, or the backend does not support it."""

    docs = "reference/errors.md#a-device-is-missing"


class MissingExtraError(GrpsError):
    """A Python package that an optional feature needs is not installed."""

    docs = "reference/errors.md#a-package-is-missing"

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

    docs = "reference/errors.md#errors-of-your-own-code"

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

    docs = "reference/errors.md#a-service-does-not-start-or-stop"


class AccessError(DeployError):
    """A service refuses an admin call for its key or token, or for lack of one."""

    docs = "reference/errors.md#a-key-or-token-is-refused"


class HomeError(DeployError):
    """The folder of services is not known or can't be written; the text names ``GRPS_HOME``."""

    docs = "reference/errors.md#the-folder-of-services-cannot-be-used"


class ArchiveError(DeployError):
    """An archive can't be written, or is damaged, unsafe or too large."""

    docs = "reference/errors.md#an-archive-is-refused"


class OneFileError(DeployError):
    """A Python file is given where a project is needed."""

    docs = "guides/projects.md#from-one-file-to-a-project"


def docs_place(docs: str) -> str:
    """Return where a page of the documentation is read.

    Args:
        docs: A page and a heading in it, such as ``reference/errors.md#errors-of-grpst``.

    Returns:
        Its address below that of ``GRPS_DOCS_URL``; its path in the repository without one.
    """
    base = os.environ.get(DOCS_VARIABLE)
    if not base:
        return f"docs/{docs}"
    page, mark, heading = docs.partition("#")
    return f"{base.rstrip('/')}/{page.removesuffix('.md')}/{mark}{heading}"
