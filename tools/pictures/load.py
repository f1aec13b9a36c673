"""Requests for the service that is recorded, as clients of different kinds send them."""

from __future__ import annotations

import math
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CLIENTS = 4
TIMEOUT_S = 20
_PAUSE_S = 0.06
_WAVE_S = 25
"""Load rises and falls in waves of this length."""
_FAILING = 0.005
"""Share of the requests that the model refuses."""


@contextmanager
def load(url: str, bodies: list[bytes]) -> Iterator[None]:
    """Send requests with these bodies until the block ends.

    Args:
        url: Of the service's predict.
        bodies: What clients send; a few requests have none of it, which fails.
    """
    ended = threading.Event()
    clients = [
        threading.Thread(target=_client, args=(url, bodies, random.Random(number), ended))
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        ended.set()
        for client in clients:
            client.join()


def _client(url: str, bodies: list[bytes], chance: random.Random, ended: threading.Event) -> None:
    while not ended.is_set():
        body = b"" if chance.random() < _FAILING else chance.choice(bodies)
        headers = {"Content-Type": "application/octet-stream"}
        with suppress(urllib.error.HTTPError):
            request = urllib.request.Request(url, body, headers)
            urllib.request.urlopen(request, timeout=TIMEOUT_S).close()
        wave = 1 + math.sin(2 * math.pi * time.monotonic() / _WAVE_S)
        ended.wait(_PAUSE_S * wave * chance.expovariate(1))
