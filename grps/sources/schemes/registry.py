"""Access to a registry of containers: its tokens and credentials."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from grps.errors import SourceError, SourceUnavailableError
from grps.sources.network.web import Web, check_status

_CHALLENGE = re.compile(r'([a-z_]+)="([^"]*)"')
_LIFETIME_S = 60
"""How long a token is valid that says nothing of it."""
_UNAUTHORIZED = 401


class Registry:
    """A repository of a registry."""

    def __init__(self, web: Web, base: str, registry: str, repository: str) -> None:
        """Ask nothing yet.

        Args:
            web: Asks hosts.
            base: The URL of the repository in the registry's API.
            registry: The host that credentials are kept under.
            repository: Its name.
        """
        self.base, self.repository = base, repository
        self._web, self._registry = web, registry
        self._challenge: dict[str, str] | None = None
        self._token, self._renew_at = "", 0.0
        self._basic = ""

    def headers(self) -> dict[str, str]:
        """Return the header with a token that is valid, or with a name and a password."""
        if self._challenge is not None and time.monotonic() >= self._renew_at:
            self._renew(self._challenge)
        value = f"Bearer {self._token}" if self._token else self._basic
        return {"Authorization": value} if value else {}

    def read(self, path: str, accept: str) -> bytes:
        """Return a short answer of the repository.

        Raises:
            SourceError: It is not there or not permitted.
            SourceUnavailableError: The registry can't be reached.
        """
        url = f"{self.base}{path}"
        for _ in range(2):
            with self._web.ask("GET", url, {"Accept": accept, **self.headers()}) as response:
                if response.status_code != _UNAUTHORIZED or self._challenge or self._basic:
                    check_status(response, url)
                    break
                challenge = response.headers.get("WWW-Authenticate", "")
            self._take(challenge, url)
        return self._web.read(url, {"Accept": accept, **self.headers()})

    def _take(self, challenge: str, url: str) -> None:
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "bearer":
            self._challenge = dict(_CHALLENGE.findall(rest))
            return
        self._basic = credentials_of(self._registry)
        if kind.lower() != "basic" or not self._basic:
            raise SourceError(
                f"{url}: not permitted; log in: the registry {self._registry} has no entry in "
                f"{_docker_file()}"
            )

    def _renew(self, challenge: dict[str, str]) -> None:
        """Ask for a token, as whoever the credentials are of, or as nobody."""
        scope = challenge.get("scope") or f"repository:{self.repository}:pull"
        query = {"scope": scope}
        if service := challenge.get("service"):
            query["service"] = service
        realm = challenge.get("realm", "")
        basic = credentials_of(self._registry)
        leader = urlsplit(self.base)
        led_by = None if urlsplit(realm).netloc == leader.netloc else leader.hostname
        answer = self._web.json(
            f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}",
            {"Authorization": basic} if basic else {},
            led_by,
        )
        token = (
            answer.get("token") or answer.get("access_token") if isinstance(answer, dict) else ""
        )
        if not isinstance(token, str) or not token:
            raise SourceUnavailableError(f"{realm}: the answer has no token")
        lifetime_s = answer.get("expires_in")
        valid_s = lifetime_s if isinstance(lifetime_s, (int, float)) else _LIFETIME_S
        self._token, self._renew_at = token, time.monotonic() + max(float(valid_s) * 0.8, 5.0)


def credentials_of(registry: str) -> str:
    """Return the header that docker's configuration has for a registry; empty without one."""
    try:
        config: Any = msgspec.json.decode(_docker_file().read_bytes())
        entries = config.get("auths") or {}
    except (OSError, msgspec.DecodeError, AttributeError):
        return ""
    names = [registry, f"https://{registry}", f"https://{registry}/v1/", f"https://{registry}/v2/"]
    if registry == "docker.io":
        names.append("https://index.docker.io/v1/")
    for name in names:
        entry = entries.get(name)
        if isinstance(entry, dict) and isinstance(entry.get("auth"), str) and entry["auth"]:
            return f"Basic {entry['auth']}"
    return ""


def _docker_file() -> Path:
    folder = os.environ.get("DOCKER_CONFIG")
    return Path(folder) / "config.json" if folder else Path("~/.docker/config.json").expanduser()
