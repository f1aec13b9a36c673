"""Where the requests of a load test go."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from grps.perf.errors import PerfError

_PORTS = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443, "brpc": None}
_SECURE = ("https", "grpcs")
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
"""Where systems have the certificates of authorities."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server.

    Attributes:
        host: Its name or address.
        port: Its port.
        path: The path and query of a URL; empty for a server whose paths its protocol defines.
        tls: Whether it is called with TLS.
        ca: PEM file of the authorities to trust; those of the system by default.
        key: The key or token that is sent.
    """

    host: str
    port: int
    path: str = ""
    tls: bool = False
    ca: Path | None = None
    key: str | None = None

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def authorities(self) -> str:
        """Return the certificates of the authorities in PEM.

        Raises:
            PerfError: There is no such file.
        """
        named: str | Path | None = self.ca or ssl.get_default_verify_paths().cafile
        places = list(_BUNDLES) if named is None else [named]
        for place in places:
            path = Path(place)
            if path.is_file():
                return path.read_text(encoding="utf-8", errors="replace")
        tried = ", ".join(map(str, places))
        raise PerfError(f"no certificates of authorities in {tried}; give them by --ca FILE")


def read_url(text: str, *, tls: bool = False, ca: Path | None = None) -> Target:
    """Read a URL, or ``HOST:PORT``.

    Args:
        text: Such as ``http://10.0.0.7:7080/predict`` or ``10.0.0.7:7080``.
        tls: Whether an address without a scheme is called with TLS.
        ca: PEM file of the authorities to trust.

    Raises:
        PerfError: It has another form.
    """
    has_scheme = "://" in text
    try:
        parts = urlsplit(text if has_scheme else f"{'https' if tls else 'http'}://{text}")
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError as error:
        raise PerfError(f"{text!r}: {error}") from None
    if parts.scheme not in _PORTS:
        known = ", ".join(f"{scheme}://" for scheme in _PORTS)
        raise PerfError(f"{text!r}: a URL begins with one of {known}")
    if not parts.hostname or port is None or (not has_scheme and parts.port is None):
        raise PerfError(f"{text!r}: use HOST:PORT or a URL, such as http://127.0.0.1:7080")
    if parts.username is not None:
        raise PerfError("a URL with a user name is not supported; give a key by --key_file")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    is_secure = parts.scheme in _SECURE or ca is not None or tls
    return Target(parts.hostname, port, "" if path == "/" else path, is_secure, ca)
