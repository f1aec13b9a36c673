"""Which hosts a model may come from, and to which addresses a redirect may lead.

What an operator writes into a URI is the operator's choice: a registry in a private network is
fine. Where a host sends the request on to is that host's choice, so it must be a public address,
unless the configuration names it.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from grps.errors import ConfigError, SourceError, SourceUnavailableError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
"""Takes a host and a port, returns the addresses."""

_ENTRY = re.compile(r"(?:(?:s3|gs|az)://)?(?:\*\.)?[A-Za-z0-9_.-]+(?::[0-9]{1,5})?|\[[0-9a-f:.]+\]")
_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|::1")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host.

    Raises:
        SourceUnavailableError: It has none, or the name server does not answer.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceUnavailableError(f"the host {host!r} is not found: {error}") from error
    return sorted({str(entry[4][0]) for entry in found})


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """The hosts that may be asked."""

    allowed: tuple[str, ...] = ()
    """Names such as ``models.example.com``, ``*.example.com``, ``s3://bucket``; no limit of names
    when empty."""
    resolve: Resolve = field(default=resolve)

    @classmethod
    def of(cls, allowed: Sequence[str]) -> HostPolicy:
        """Return the policy of a configuration.

        Raises:
            ConfigError: An entry is neither a host nor a bucket.
        """
        for entry in allowed:
            if not _ENTRY.fullmatch(entry.lower()):
                raise ConfigError(
                    f"sources.allowed_hosts: {entry!r} is no host; write models.example.com, "
                    "*.example.com, 10.0.0.5:9000 or s3://bucket"
                )
        return cls(tuple(entry.lower() for entry in allowed))

    def check_bucket(self, scheme: str, bucket: str) -> None:
        """Check a bucket or container.

        Raises:
            SourceError: It is not allowed.
        """
        if self.allowed and f"{scheme}://{bucket}".lower() not in self.allowed:
            raise _not_allowed(f"{scheme}://{bucket}", self.allowed)

    def check_host(
        self, host: str, port: int, *, redirected_from: str | None, by_proxy: bool = False
    ) -> bool:
        """Check a host before it is asked.

        Args:
            host: The name or address.
            port: The port.
            redirected_from: The host that leads there; ``None`` if an operator wrote it.
            by_proxy: Whether a proxy looks names up, which may be unknown here.

        Returns:
            Whether only public addresses of it may be used.

        Raises:
            SourceError: It is not allowed, or has an address that is not.
        """
        host = host.strip("[]").lower()
        exact = bool({host, f"[{host}]", f"{host}:{port}"} & {*self.allowed})
        if self.allowed and not exact and not self._matches_wildcard(host):
            raise _not_allowed(host, self.allowed)
        public_only = redirected_from is not None and not exact
        if public_only:
            known = _addresses(host) or ([] if by_proxy else self.resolve(host, port))
            for address in known:
                self.check_address(address, host, f"{redirected_from} leads to")
        elif not exact:
            for address in _addresses(host):
                _refuse_metadata(address, host)
        return public_only

    def check_address(self, address: str, host: str, what: str) -> None:
        """Check that an address is a public one.

        Raises:
            SourceError: It is not.
        """
        if not is_public(address):
            raise SourceError(
                f"{what} {host} ({address}), which is no public address; if that is right, add "
                f"{host!r} to sources.allowed_hosts"
            )

    def _matches_wildcard(self, host: str) -> bool:
        ends = [entry[1:] for entry in self.allowed if entry.startswith("*.")]
        return any(host.endswith(end) for end in ends)


def is_loopback(host: str) -> bool:
    """Return whether a host is written as an address of this machine."""
    return _LOOPBACK.fullmatch(host.strip("[]").lower()) is not None


def is_public(text: str) -> bool:
    """Return whether an address is reached over the internet only."""
    address = _embedded(ipaddress.ip_address(text.partition("%")[0]))
    return address.is_global and not address.is_multicast and not address.is_reserved


def _embedded(address: Address) -> Address:
    """Return the IPv4 address in an IPv6 address that stands for one."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    inside = address.ipv4_mapped or address.sixtofour
    if inside is None and address.teredo is not None:
        inside = address.teredo[1]
    return inside or address


def _addresses(host: str) -> list[str]:
    """Return the address that a host is written as; none for a name.

    Numbers such as ``0x7f000001`` are addresses to the system, so they are looked up as names.
    """
    try:
        return [str(ipaddress.ip_address(host.partition("%")[0]))]
    except ValueError:
        return []


def _refuse_metadata(text: str, host: str) -> None:
    """Refuse addresses that clouds give credentials at, unless they are configured by name."""
    if _embedded(ipaddress.ip_address(text)).is_link_local or text == "fd00:ec2::254":
        raise SourceError(f"{host} is a link-local address, where clouds keep credentials")


def _not_allowed(what: str, allowed: Sequence[str]) -> SourceError:
    return SourceError(f"{what!r} is not in sources.allowed_hosts, which has: {', '.join(allowed)}")
