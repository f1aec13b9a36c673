"""Which transport a protocol has; each is imported when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grps.client.settings import Settings
from grps.client.transports.base import AsyncTransport, Transport
from grps.client.transports.http_form import HttpForm
from grps.errors import MissingExtraError

if TYPE_CHECKING:
    from grps.client.transports.grpc_form import GrpcForm


def open_transport(settings: Settings) -> Transport:
    """Return the transport of blocking calls.

    Raises:
        MissingExtraError: The package that the protocol needs is not installed.
    """
    if settings.protocol == "brpc":
        from grps.client.transports.brpc import BrpcTransport

        return BrpcTransport(settings)
    if settings.protocol in ("grpc", "oip-grpc"):
        form = _grpc_form(settings)
        from grps.client.transports.grpc import GrpcTransport

        return GrpcTransport(settings, form)
    from grps.client.transports.http import HttpTransport

    return HttpTransport(settings, _http_form(settings))


def open_async_transport(settings: Settings) -> AsyncTransport:
    """Return the transport of calls for an event loop.

    Raises:
        MissingExtraError: The package that the protocol needs is not installed.
    """
    if settings.protocol == "brpc":
        from grps.client.transports.brpc import AsyncBrpcTransport

        return AsyncBrpcTransport(settings)
    if settings.protocol in ("grpc", "oip-grpc"):
        form = _grpc_form(settings)
        from grps.client.transports.grpc import AsyncGrpcTransport

        return AsyncGrpcTransport(settings, form)
    from grps.client.transports.http import AsyncHttpTransport

    return AsyncHttpTransport(settings, _http_form(settings))


def _http_form(settings: Settings) -> HttpForm:
    if settings.protocol == "http":
        from grps.client.transports.grps_http import GrpsHttpForm

        return GrpsHttpForm()
    from grps.client.transports.oip_http import OipHttpForm

    return OipHttpForm()


def _grpc_form(settings: Settings) -> GrpcForm:
    try:
        import grpc  # noqa: F401 - only whether it is installed
    except ImportError:
        raise MissingExtraError("grpcio", "client") from None
    from grps.client.transports.grpc_form import GrpsGrpcForm, OipGrpcForm

    return GrpsGrpcForm() if settings.protocol == "grpc" else OipGrpcForm()
