"""An HTTP client that checks every host before it is asked, those of redirects included."""

from __future__ import annotations

import base64
import netrc
import os
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from grps.config.secret_text import mask_text
from grps.errors import SourceError, SourceUnavailableError
from grps.sources.network.hosts import HostPolicy, is_loopback

MAX_HOPS = 8
MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Most bytes of an answer that is read as a whole."""
TIMEOUT = httpx.Timeout(60, connect=15)
_REDIRECTS = (301, 302, 303, 307, 308)
_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_SECRETS = ("authorization", "cookie")
"""Headers that are for the first host only."""


class Web:
    """Asks hosts. One object is used by one thread."""

    def __init__(self, policy: HostPolicy, *, plain: bool = False) -> None:
        """Open no connection yet.

        Args:
            policy: Which hosts may be asked.
            plain: Whether connections without TLS are allowed to other machines, as the digest of
                what they bring is known.
        """
        self._policy = policy
        self._plain = plain
        self._plain_hosts: set[tuple[str, str, int | None]] = set()
        self._client: httpx.Client | None = None

    def allow_plain(self, url: str) -> None:
        """Allow connections without TLS to the host of a URL that an operator has configured."""
        self._plain_hosts.add(_origin(url))

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    @contextmanager
    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        led_by: str | None = None,
    ) -> Iterator[httpx.Response]:
        """Ask a host, follow its redirects, and give the response whose body is not read.

        Args:
            method: ``GET`` or ``HEAD``.
            url: Where.
            headers: More headers; those with credentials do not leave the first host.
            led_by: The host that gave the URL, if no operator did.

        Raises:
            SourceError: A host or a redirect is not allowed.
            SourceUnavailableError: A host can't be reached.
        """
        sent = {"Accept-Encoding": "identity", **(headers or {})}
        first, came_from = _origin(url), led_by
        for _ in range(MAX_HOPS + 1):
            response = self._send(method, url, sent, came_from)
            try:
                where = response.headers.get("Location")
                if response.status_code not in _REDIRECTS or where is None:
                    yield response
                    return
            finally:
                response.close()
            came_from, url = urlsplit(url).hostname or "", urljoin(url, where)
            if _origin(url) == first:
                came_from = led_by
            else:
                sent = {key: sent[key] for key in sent if key.lower() not in _SECRETS}
        raise SourceError(f"{shown_url(url)}: more than {MAX_HOPS} redirects")

    def json(
        self, url: str, headers: Mapping[str, str] | None = None, led_by: str | None = None
    ) -> Any:
        """Return the JSON at an address.

        Raises:
            SourceError: It is not there, not allowed or no JSON.
            SourceUnavailableError: The host can't be reached.
        """
        body = self.read(url, headers, led_by)
        try:
            return msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise SourceError(f"{shown_url(url)}: the answer is no JSON ({error})") from error

    def read(
        self, url: str, headers: Mapping[str, str] | None = None, led_by: str | None = None
    ) -> bytes:
        """Return a short answer.

        Raises:
            SourceError: It is not there, not allowed or too large.
            SourceUnavailableError: The host can't be reached.
        """
        with self.ask("GET", url, headers, led_by) as response:
            check_status(response, url)
            return b"".join(_up_to(response, MAX_ANSWER_BYTES, url))

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], came_from: str | None
    ) -> httpx.Response:
        public_only = self._check(url, came_from)
        try:
            client = self._client = self._client or _client()
            request = client.build_request(method, url, headers=headers)
            response = client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, ValueError) as error:
            cause = mask_text(str(error)) or type(error).__name__
            raise SourceUnavailableError(f"{shown_url(url)}: {cause}") from error
        if public_only:
            # The name may have another address by then.
            stream = response.extensions.get("network_stream")
            peer = stream.get_extra_info("server_addr") if stream is not None else None
            if peer and not _by_proxy(url):
                try:
                    self._policy.check_address(str(peer[0]), urlsplit(url).hostname or "", "it is")
                except SourceError:
                    response.close()
                    raise
        return response

    def _check(self, url: str, came_from: str | None) -> bool:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise SourceError(f"{shown_url(url)}: no URL ({error})") from error
        if parts.scheme not in ("https", "http") or not host:
            raise SourceError(f"{shown_url(url)}: leads to something else than https")
        if parts.username or parts.password:
            raise SourceError(f"{shown_url(url)}: a URL with credentials is not followed")
        plain = self._plain or is_loopback(host) or _origin(url) in self._plain_hosts
        if parts.scheme == "http" and not plain:
            raise SourceError(
                f"{shown_url(url)}: without TLS anybody on the way can change the model; use "
                "https, or give the digest of the file: #sha256=..."
            )
        return self._policy.check_host(
            host,
            port or (443 if parts.scheme == "https" else 80),
            redirected_from=came_from,
            by_proxy=_by_proxy(url),
        )


def check_status(response: httpx.Response, url: str) -> None:
    """Check that a response has what was asked for.

    Raises:
        SourceError: It has not.
        SourceUnavailableError: Trying again may help.
    """
    status = response.status_code
    if status in (200, 206):
        return
    text = f"{shown_url(url)}: status {status}"
    if status in _TRY_AGAIN:
        raise SourceUnavailableError(text)
    if status in (401, 403):
        raise SourceError(
            f"{text}: not permitted; see docs/guides/model-sources.md for credentials"
        )
    if status in (404, 410):
        raise SourceError(f"{text}: there is nothing (or credentials are needed to see it)")
    raise SourceError(text)


def netrc_header(url: str) -> dict[str, str]:
    """Return the header with what ``~/.netrc`` has for the host of a URL; none without an entry."""
    file = Path(os.environ.get("NETRC") or "~/.netrc")
    with suppress(OSError, netrc.NetrcParseError, RuntimeError):
        found = netrc.netrc(str(file.expanduser())).authenticators(urlsplit(url).hostname or "")
        if found is not None:
            return {"Authorization": basic(found[0], found[2] or "")}
    return {}


def basic(user: str, password: str) -> str:
    """Return the value of a header with a name and a password."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _client() -> httpx.Client:
    return httpx.Client(
        timeout=TIMEOUT,
        follow_redirects=False,
        headers={"User-Agent": "grpst"},
        verify=_trusted(),
    )


@cache
def _trusted() -> ssl.SSLContext:
    """Return the authorities that are trusted; reading them takes longer than a request."""
    return httpx.create_ssl_context()


def _by_proxy(url: str) -> bool:
    """Return whether a proxy stands between, so that the address of the peer is its own."""
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    if not (proxies.get(parts.scheme) or proxies.get("all")):
        return False
    return not urllib.request.proxy_bypass(parts.netloc)


def _up_to(response: httpx.Response, limit: int, url: str) -> Iterator[bytes]:
    left = limit
    try:
        for chunk in response.iter_raw():
            left -= len(chunk)
            if left < 0:
                raise SourceError(f"{shown_url(url)}: the answer is longer than {limit} bytes")
            yield chunk
    except httpx.HTTPError as error:
        raise SourceUnavailableError(f"{shown_url(url)}: {error}") from error


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
        return parts.scheme, parts.hostname or "", port
    except ValueError as error:
        raise SourceError(f"{shown_url(url)}: no URL ({error})") from error


def shown_url(url: str) -> str:
    """Return a URL for people: without its query, which has signatures."""
    return mask_text(url.partition("?")[0])[:300]
