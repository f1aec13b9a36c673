"""Where a replica listens on its host, and with which certificate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from grps.cluster.description import Version
from grps.config.document import read_text
from grps.deploy.paths import ServiceFolder
from grps.errors import DeployError
from grps.server.configuration import parse_server
from grps.server.files import write_atomically

AUTHORITY = "ca.pem"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Placing:
    """How a replica can be reached."""

    host: str
    """The name of its host."""
    listen: str
    """The address that its server listens on."""
    tls: tuple[Path, Path, Path] | None = None
    """Certificate, key and authority."""

    @classmethod
    def of(cls, version: Version, host: str, address: str) -> Placing:
        """Decide where a replica listens on a host.

        With certificates, or when it was told to do without, it listens on the address of the
        host; else on the loopback, where other hosts do not reach it.

        Raises:
            DeployError: The certificate of this host is missing.
        """
        if version.tls is None:
            return cls(host, address if version.insecure else LOOPBACK)
        return cls(host, address, certificate_of(Path(version.tls), (host, address)))

    def address_of(self, port: int) -> str:
        """Return the address of a port for the table of endpoints."""
        return f"[{self.listen}]:{port}" if ":" in self.listen else f"{self.listen}:{port}"

    def write_tls(self, folder: ServiceFolder) -> None:
        """Let the server of a folder take clients with certificates of the authority only."""
        if self.tls is None:
            return
        cert, key, authority = map(str, self.tls)
        text = read_text(folder.server_conf)
        server = yaml.safe_load(text) or {}
        tls = {"cert": cert, "key": key, "client_ca": authority, "client_auth": "required"}
        server["interface"] = {**(server.get("interface") or {}), "tls": tls}
        edited = yaml.safe_dump(server, allow_unicode=True, sort_keys=False)
        parse_server(edited, str(folder.server_conf))
        write_atomically(folder.server_conf, edited.encode())


def certificate_of(folder: Path, names: tuple[str, ...]) -> tuple[Path, Path, Path]:
    """Return certificate, key and authority of a host from a folder of ``grpst cluster cert``.

    Raises:
        DeployError: They are not there.
    """
    authority = folder / AUTHORITY
    for name in names:
        cert, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
        if cert.is_file() and key.is_file() and authority.is_file():
            return cert, key, authority
    wanted = " or ".join(f"{name}.pem" for name in dict.fromkeys(names))
    raise DeployError(
        f"{folder} has no certificate of this host ({wanted} with its key, and {AUTHORITY}); make "
        f"one with: grpst cluster cert {folder} --hosts {names[0]}, and copy it to this host"
    )
