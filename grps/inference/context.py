"""What user code knows of the request it works on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class GrpsContext:
    """Per-request state shared by the converter and the inferer of every model on its way."""

    def __init__(self, is_cancelled: Callable[[], bool] | None = None) -> None:
        """Make a context.

        Args:
            is_cancelled: Tells whether the client has left; never, when not given.
        """
        self._is_cancelled = is_cancelled
        self._user_data: dict[Any, Any] = {}
        self._has_err = False
        self._err_msg = ""

    def put_user_data(self, key: Any, value: Any) -> None:
        """Remember ``value`` under ``key`` for later steps of the same request."""
        self._user_data[key] = value

    def get_user_data(self, key: Any) -> Any:
        """Return what was put under ``key``, ``None`` when nothing was."""
        return self._user_data.get(key)

    def if_streaming(self) -> bool:
        """Tell whether the client asked for an answer piece by piece."""
        return False

    def set_has_err(self, has_err: bool) -> None:
        """Mark the request as failed, or take the mark back."""
        self._has_err = has_err

    def has_err(self) -> bool:
        """Tell whether the request is marked as failed."""
        return self._has_err

    def set_err_msg(self, err_msg: str) -> None:
        """Mark the request as failed with a message for the client."""
        self._has_err = True
        self._err_msg = err_msg

    def get_err_msg(self) -> str:
        """Return the message for the client, empty when none was set."""
        return self._err_msg

    def if_disconnected(self) -> bool:
        """Tell whether the client has left or its deadline has passed."""
        return self._is_cancelled is not None and self._is_cancelled()
