"""The state of the director in Ray's control plane."""

from __future__ import annotations

import logging
import threading

from grps.cluster.ray.names import NAMESPACE

KEY = b"grps-cluster-state"
RETRY_S = 1.0

logger = logging.getLogger("grps.cluster")


class KvStore:
    """Keeps the state as one value; a thread writes it, as the control plane may be away."""

    def __init__(self) -> None:
        """Begin with nothing to write."""
        self._changed = threading.Condition()
        self._latest: bytes | None = None
        threading.Thread(target=self._write, name="state", daemon=True).start()

    def load(self) -> bytes | None:
        """Return the state that was kept."""
        from ray.experimental import internal_kv

        found: bytes | None = internal_kv._internal_kv_get(KEY, namespace=NAMESPACE)
        return found

    def save(self, data: bytes) -> None:
        """Write the state soon."""
        with self._changed:
            self._latest = data
            self._changed.notify()

    def _write(self) -> None:
        while True:
            with self._changed:
                while self._latest is None:
                    self._changed.wait()
                data, self._latest = self._latest, None
            self._put(data)

    def _put(self, data: bytes) -> None:
        from ray.experimental import internal_kv

        try:
            internal_kv._internal_kv_put(KEY, data, overwrite=True, namespace=NAMESPACE)
        except Exception:
            logger.warning("the state can't be kept at the moment; it is tried again")
            with self._changed:
                self._latest = self._latest or data
                self._changed.wait(RETRY_S)


def delete_state() -> None:
    """Forget the state of the director."""
    from ray.experimental import internal_kv

    internal_kv._internal_kv_del(KEY, namespace=NAMESPACE)
