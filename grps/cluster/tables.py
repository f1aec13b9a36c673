"""The tables of endpoints: their generations, and who has which one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from grps.cluster.pushing import encode_table
from grps.cluster.state import Table
from grps.errors import GrpsError

REPEAT_S = 2.0
"""A table is pushed again this often: a service that was started again has lost it."""
PUSHES_AT_ONCE = 8

Push = Callable[[bytes], int]
"""Pushes a table to one receiver; returns the generation that it has then."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """One service that gets the table of a deployment."""

    name: str
    """A replica, or the URL of a front."""
    deployment: str
    push: Push


@dataclass(slots=True)
class _Sent:
    generation: int = 0
    at: float = -REPEAT_S
    is_running: bool = False
    error: str = ""


def next_table(before: Table | None, addresses: tuple[str, ...], wall: float) -> Table:
    """Return the table with these addresses; the one before if they are the same.

    A first generation is the time, so that it is newer than any of a director whose state is lost.
    """
    if before is not None and before.addresses == addresses:
        return before
    newest = int(wall) if before is None else before.generation
    return Table(generation=newest + 1, addresses=addresses)


class Pusher:
    """Pushes tables to their receivers from threads of its own, so that none holds up another."""

    def __init__(self) -> None:
        """Begin without receivers."""
        self._pool = ThreadPoolExecutor(PUSHES_AT_ONCE, thread_name_prefix="push")
        self._lock = threading.Lock()
        self._sent: dict[Hashable, _Sent] = {}
        self._newer: dict[str, int] = {}

    def push(self, receivers: list[Receiver], tables: Mapping[str, Table], now: float) -> None:
        """Bring every receiver up to date; returns at once."""
        keys = {(one.name, one.deployment) for one in receivers}
        with self._lock:
            for gone in [key for key, sent in self._sent.items() if key not in keys]:
                del self._sent[gone]
            for one in receivers:
                table = tables.get(one.deployment)
                if table is None:
                    continue
                sent = self._sent.setdefault((one.name, one.deployment), _Sent())
                is_behind = sent.generation < table.generation and not sent.error
                if not sent.is_running and (is_behind or now - sent.at >= REPEAT_S):
                    sent.is_running, sent.at = True, now
                    self._pool.submit(self._push_one, one, table, sent)

    def has_all(self, deployment: str, generation: int) -> bool:
        """Return whether every receiver of a deployment has this generation or a newer one."""
        with self._lock:
            return all(
                sent.generation >= generation
                for key, sent in self._sent.items()
                if isinstance(key, tuple) and key[1] == deployment
            )

    def newest(self, deployment: str) -> int:
        """Return the newest generation that any receiver reported."""
        with self._lock:
            return self._newer.get(deployment, 0)

    def troubles(self) -> list[str]:
        """Return why receivers did not take a table, one line each."""
        with self._lock:
            return [
                f"the endpoints of {key[1]} can't be pushed to {key[0]}: {sent.error}"
                for key, sent in self._sent.items()
                if isinstance(key, tuple) and sent.error
            ]

    def close(self) -> None:
        """Push nothing any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _push_one(self, receiver: Receiver, table: Table, sent: _Sent) -> None:
        generation, error = 0, ""
        try:
            generation = receiver.push(encode_table(table.generation, table.addresses))
        except GrpsError as failure:
            error = str(failure)
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
        with self._lock:
            sent.is_running, sent.error = False, error
            if not error:
                sent.generation = generation
            known = self._newer.get(receiver.deployment, 0)
            self._newer[receiver.deployment] = max(known, generation)
