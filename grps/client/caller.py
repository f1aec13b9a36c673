"""What both clients use: their settings, and how calls are made of arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grps.client.call import OUTPUTS, Call, Output, deadline_after, headers_of
from grps.client.errors import one_of
from grps.client.messages.content import content_of
from grps.client.retry import Retry
from grps.client.settings import Protocol, Settings, Tls, check_protocol, read_address

DEFAULT_TIMEOUT_S = 60.0


def settings_of(
    address: str, protocol: Protocol, tls: bool | Tls | None, retries: int | Retry, **other: Any
) -> Settings:
    """Return the settings of a client.

    Raises:
        ValueError: The address or the protocol is wrong.
    """
    check_protocol(protocol)
    given = (Tls() if tls else None) if isinstance(tls, bool) else tls
    host, secure = read_address(address, given)
    retry = retries if isinstance(retries, Retry) else Retry(times=retries)
    return Settings(host, protocol, tls=secure, retry=retry, **other)


class Caller:
    """Makes calls of arguments, with the settings of a client."""

    def __init__(self, settings: Settings) -> None:
        """Remember the settings."""
        self.settings = settings

    def call(
        self,
        inputs: Any,
        model: str | None,
        timeout: float | None,
        output: Output,
        headers: Mapping[str, str] | None,
    ) -> Call:
        """Return a call that begins at once.

        Raises:
            TypeError: The inputs are nothing that a call can carry.
            ValueError: There is no such output.
        """
        if output not in OUTPUTS:
            raise ValueError(f"output {output!r}: use {one_of(OUTPUTS)}")
        deadline = deadline_after(timeout if timeout is not None else self.settings.timeout)
        return Call(content_of(inputs), model or "", deadline, headers_of(headers), output)

    def stream_call(
        self,
        inputs: Any,
        model: str | None,
        timeout: float | None,
        headers: Mapping[str, str] | None,
    ) -> Call:
        """Return a call of a stream: without a limit unless one is given."""
        return Call(content_of(inputs), model or "", deadline_after(timeout), headers_of(headers))

    def deadline(self) -> float | None:
        """Return the deadline of a call without a timeout of its own."""
        return deadline_after(self.settings.timeout)
