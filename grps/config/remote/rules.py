"""Rules for services and for models that run in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from grps.config.schema import EndpointsConfig, ModelConfig, ServiceConfig
from grps.config.suggest import hint
from grps.errors import ConfigError

Fail = Callable[[str, str], ConfigError]
"""Makes the error for a key path and a message."""

MAX_ADDRESSES = 256
ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,255}):([0-9]{1,5})")
KEYS_OF_SOURCES = {
    "static": ("addresses",),
    "dns": ("host", "port"),
    "kubernetes": ("service", "port"),
    "ray": (),
}
"""What each source needs."""
MORE_KEYS = {"kubernetes": ("namespace", "api_server")}
"""What a source may have besides."""


def check_services(services: Sequence[ServiceConfig], fail: Fail) -> None:
    """Check the services of a configuration.

    Raises:
        ConfigError: The first rule that is broken.
    """
    seen: dict[str, int] = {}
    for index, service in enumerate(services):
        at = f"services[{index}]"
        earlier = seen.setdefault(service.name, index)
        if earlier != index:
            raise fail(f"{at}.name", f"service {service.name!r} is already services[{earlier}]")
        _check_endpoints(service.endpoints, f"{at}.endpoints", fail)
        tls = service.tls
        if tls is not None and (tls.certificate is None) != (tls.key is None):
            missing, given = ("certificate", "key") if tls.key else ("key", "certificate")
            raise fail(f"{at}.tls.{missing}", f"needed because there is a {given}")


def _check_endpoints(endpoints: EndpointsConfig, at: str, fail: Fail) -> None:
    source = endpoints.source
    values: Mapping[str, object] = {
        "addresses": endpoints.addresses,
        "host": endpoints.host,
        "port": endpoints.port,
        "service": endpoints.service,
        "namespace": endpoints.namespace,
        "api_server": endpoints.api_server,
    }
    for key in KEYS_OF_SOURCES[source]:
        if not values[key]:
            raise fail(f"{at}.{key}", f"needed because source is {source!r}")
    for key, value in values.items():
        if value and key not in (*KEYS_OF_SOURCES[source], *MORE_KEYS.get(source, ())):
            raise fail(f"{at}.{key}", f"has no effect with source {source!r}; leave it out")
    if len(endpoints.addresses) > MAX_ADDRESSES:
        count = len(endpoints.addresses)
        raise fail(f"{at}.addresses", f"{count} are too many, {MAX_ADDRESSES} are allowed")
    for index, address in enumerate(endpoints.addresses):
        found = ADDRESS.fullmatch(address)
        if found is None or not 1 <= int(found[1]) <= 65535:
            text = f"{address!r} is no address such as 10.0.0.5:7080"
            raise fail(f"{at}.addresses[{index}]", text)
        if address in endpoints.addresses[:index]:
            raise fail(f"{at}.addresses[{index}]", f"{address!r} is listed twice")
    api = endpoints.api_server or "https://"
    if not api.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        text = f"{api!r}: a token is sent to it; use https, or http on this machine"
        raise fail(f"{at}.api_server", text)


def check_remote(
    model: ModelConfig, at: str, services: Sequence[ServiceConfig], fail: Fail
) -> None:
    """Check a model that runs in another service.

    Raises:
        ConfigError: The first rule that is broken.
    """
    assert model.remote is not None
    names = [service.name for service in services]
    name = model.remote.service
    if name not in names:
        known = ", ".join(names) or "none"
        text = f"service {name!r} is not declared in 'services'{hint(name, names)}"
        raise fail(f"{at}.remote.service", f"{text}; declared: {known}")
    own: Mapping[str, object] = {
        "inferer_type": model.inferer_type != "remote",
        "inferer_name": model.inferer_name,
        "inferer_path": model.inferer_path,
        "inferer_args": model.inferer_args,
        "converter_type": model.converter_type,
        "converter_name": model.converter_name,
        "converter_path": model.converter_path,
        "converter_args": model.converter_args,
        "device": model.device,
        "inp_device": model.inp_device,
        "batching": model.batching,
        "max_threads": model.max_threads,
        "warm_up_requests": model.warm_up_requests,
    }
    for key, value in own.items():
        if value:
            raise fail(f"{at}.{key}", "has no effect with 'remote'; set it in the other service")
