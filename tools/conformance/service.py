"""The service that clients are tested with; ``clients/conformance/README.md`` describes it."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.certificates import Authority
from tests.support import RunningServer, serving
from tools.repository import ROOT

PROJECT = ROOT / "clients" / "conformance" / "project"
ALTERNATIVES = "DNS:localhost,IP:127.0.0.1"
SLOWEST_RATE = 0.001
"""Calls in a second of a limited key: one, and the next after 16 minutes."""
UNLOAD = "/grps/v1/admin/models/part-1.0.0/unload"
LIMITED_KEYS = 64
RESULTS = "GRPS_RESULTS"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the instance with TLS."""

    good: str
    admin: str
    limited: tuple[str, ...]
    """Keys for one call each."""

    @classmethod
    def make(cls) -> Keys:
        """Make all keys."""
        limited = tuple(secrets.token_hex(16) for _ in range(LIMITED_KEYS))
        return cls(secrets.token_hex(16), secrets.token_hex(16), limited)

    def configuration(self) -> dict[str, Any]:
        """What ``server.yml`` has of them."""
        good = _key("good", self.good)
        admin = _key("admin", self.admin, scopes=["infer", "read", "admin"])
        limited = (
            _key(f"limited-{number}", key, max_requests_per_second=SLOWEST_RATE)
            for number, key in enumerate(self.limited)
        )
        return {"keys": [good, admin, *limited]}


def _key(name: str, key: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "sha256": hashlib.sha256(key.encode()).hexdigest(), **settings}


class ConformanceService:
    """Both instances while they run."""

    def __init__(self, folder: Path, constant: dict[str, str], limited: Iterable[str]) -> None:
        """Remember the variables of all programs, and the keys of which each needs its own."""
        self._folder = folder
        self._constant = constant
        self._limited = iter(limited)

    def variables(self, results: Path | None = None) -> dict[str, str]:
        """Return what one conformance program reads from its environment.

        Args:
            results: The file that it writes; by default, one in the service's folder.
        """
        http, grpc = next(self._limited), next(self._limited)
        return {
            **self._constant,
            "GRPS_LIMITED_KEY": http,
            "GRPS_LIMITED_KEY_HTTP": http,
            "GRPS_LIMITED_KEY_GRPC": grpc,
            RESULTS: str(results or self._folder / "results.jsonl"),
        }


@contextmanager
def conformance_service() -> Iterator[ConformanceService]:
    """Serve both instances until the block ends."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-")))
        authority = Authority.make(folder / "certificates", "authority")
        certificate = authority.sign("service", "/CN=localhost", ALTERNATIVES)
        stranger = Authority.make(folder / "stranger", "stranger")
        keys = Keys.make()
        tls = {"cert": str(certificate.cert), "key": str(certificate.key)}
        plain = stack.enter_context(serving(_copy(folder / "plain")))
        secure_folder = _copy(folder / "secure", tls=tls, auth=keys.configuration())
        secure = stack.enter_context(serving(secure_folder))
        _unload(secure, keys.admin, authority.pair.cert)
        constant = {
            **_addresses(plain, "GRPS"),
            **_addresses(secure, "GRPS_TLS"),
            "GRPS_CA": str(authority.pair.cert),
            "GRPS_WRONG_CA": str(stranger.pair.cert),
            "GRPS_KEY": keys.good,
        }
        yield ConformanceService(folder, constant, keys.limited)


def _copy(
    folder: Path, *, tls: dict[str, str] | None = None, auth: dict[str, Any] | None = None
) -> Path:
    """Copy the project, to listen on free ports, with TLS and keys if they are given."""
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__", "logs", "run"))
    conf = folder / "conf" / "server.yml"
    settings = yaml.safe_load(conf.read_text(encoding="utf-8"))
    settings["interface"]["port"] = "0,0"
    if tls is not None:
        settings["interface"]["tls"] = tls
    if auth is not None:
        settings["auth"] = auth
    conf.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return folder


def _unload(server: RunningServer, key: str, authority: Path) -> None:
    """Take the model out of service that the graph ``absent`` lacks."""
    url = server.url(UNLOAD).replace("http:", "https:", 1)
    headers = {"Authorization": f"Bearer {key}"}
    requests.post(url, headers=headers, verify=str(authority), timeout=30).raise_for_status()


def _addresses(server: RunningServer, prefix: str) -> dict[str, str]:
    http, grpc = server.ports
    return {f"{prefix}_HTTP": f"127.0.0.1:{http}", f"{prefix}_GRPC": f"127.0.0.1:{grpc}"}
