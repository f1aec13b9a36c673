"""Drives a measuring process."""

from __future__ import annotations

import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from grps.config.schema import ModelConfig
from grps.tune.curves.orders import Loaded, LoadOrder, Measured, MeasureOrder, Refused
from grps.tune.errors import TuneError
from grps.tune.settings import Variant

Reply = TypeVar("Reply")
_LAST_LINES = 5
_END_S = 5.0


class MeasuringProcess:
    """One process of ``grps.tune.curves.worker``; a context manager that ends it."""

    def __init__(self, variant: Variant) -> None:
        """Start it."""
        self._variant = variant
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", "grps.tune.curves.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._buffer = b""

    def __enter__(self) -> MeasuringProcess:
        """Use it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(_END_S)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._errors.close()

    def load(
        self, config: ModelConfig, shapes: Mapping[str, tuple[int, ...]], timeout_s: float
    ) -> Loaded:
        """Load the first copy.

        Raises:
            TuneError: It can't be loaded or run, or not in time.
        """
        model: dict[str, Any] = msgspec.to_builtins(config)
        self.ask(LoadOrder(model, self._variant, dict(shapes)))
        return self.answer(Loaded, timeout_s)

    def ask(self, order: LoadOrder | MeasureOrder) -> None:
        """Send an order.

        Raises:
            TuneError: The process has ended.
        """
        stream = self._process.stdin
        assert stream is not None
        try:
            stream.write(msgspec.json.encode(order) + b"\n")
            stream.flush()
        except OSError as error:
            raise TuneError(self._ended()) from error

    def answer(self, kind: type[Reply], timeout_s: float) -> Reply:
        """Return the reply to an order.

        Raises:
            TuneError: The order failed, the process has ended, or it takes too long.
        """
        line = self._line(time.monotonic() + timeout_s, timeout_s)
        try:
            return msgspec.json.decode(line, type=kind)
        except msgspec.ValidationError:
            refused = msgspec.json.decode(line, type=Refused)
            raise TuneError(f"{self._variant.text}: {refused.error}") from None

    def _line(self, end: float, timeout_s: float) -> bytes:
        stream = self._process.stdout
        assert stream is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise TuneError(f"{self._variant.text}: no answer in {timeout_s:.0f} s")
                part = stream.read1(1 << 16)  # type: ignore[attr-defined]
                if not part:
                    raise TuneError(self._ended())
                self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _ended(self) -> str:
        code = self._process.wait(_END_S)
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
        words = "; ".join(line.strip() for line in said) or "it printed nothing"
        return f"{self._variant.text}: the measuring process ended with code {code}: {words}"


def together(
    processes: Sequence[MeasuringProcess], order: MeasureOrder, timeout_s: float
) -> list[Measured]:
    """Return what several processes measure at the same time."""
    for process in processes:
        process.ask(order)
    return [process.answer(Measured, timeout_s) for process in processes]
