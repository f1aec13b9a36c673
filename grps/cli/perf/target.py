"""The server that a verb sends requests to."""

from __future__ import annotations

from pathlib import Path

from grps.cli.calling.service import Connection
from grps.cli.perf.options import is_address
from grps.perf import Target
from grps.perf.target import read_url


def read_target(text: str, *, tls: bool, ca: Path | None, key_file: Path | None) -> Target:
    """Return the server of a URL, or of a service of this machine, with the key for it.

    Raises:
        PerfError: The URL has another form.
        DeployError: The service does not run.
    """
    service = None if is_address(text) else text
    connection = Connection("http", service, None, tls, ca, key_file, None)
    if service is None:
        place = read_url(text, tls=tls, ca=ca)
    else:
        address, is_secure = connection.where()
        place = read_url(address, tls=is_secure, ca=ca)
    return Target(place.host, place.port, place.path, place.tls, place.ca, connection.key())
