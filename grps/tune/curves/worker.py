"""The process that measures one variant of a model: ``python -m grps.tune.curves.worker``.

A process of its own for each variant keeps frameworks, and their threads, from disturbing each
other. It loads copies as the server does and reads orders from standard input until that ends.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO

import msgspec
import numpy as np

from grps.backends.backend import Backend, Signature
from grps.backends.common.signature import fixed_rows
from grps.backends.common.warm_up import warm_up
from grps.backends.environment import prepare_environment, suggest_threads
from grps.backends.joined_rows import joining_fault
from grps.backends.loading import load_copy
from grps.backends.table import ENGINES
from grps.errors import GrpsError
from grps.machine import usable_cpus
from grps.perf.requests.signature import Input, generate
from grps.tune.curves.orders import Loaded, LoadOrder, Measured, MeasureOrder, Refused
from grps.tune.settings import copy_config

Arrays = list["np.ndarray"]
_SEED = 1
_MOST_RUNS = 2000


class Copies:
    """The loaded copies of one variant."""

    def __init__(self, order: LoadOrder) -> None:
        """Load the first copy.

        Raises:
            GrpsError: It can't be loaded or run.
        """
        self._order = order
        began = time.monotonic()
        self._loaded: dict[int, Sequence[Backend]] = {}
        (first,) = self.of(1)
        self.signature, ran = warm_up(first)
        load_s = time.monotonic() - began
        self._inputs = _inputs_of(self.signature)
        shapes = {
            one.name: order.shapes.get(one.name, order.shapes.get("", one.example or ()))
            for one in self.signature.inputs
            if one.required and (one.example or one.name in order.shapes or "" in order.shapes)
        }
        self._shapes = shapes
        example = self.arrays(1)
        first.infer(example)
        not_joined = fixed_rows(self.signature)
        if not_joined is None:
            most = self.signature.most_rows
            not_joined = joining_fault(first.infer, ran.inputs or example, most)
        self.about = Loaded(load_s, shapes, self.signature.most_rows, not_joined)

    def of(self, parallel: int) -> Sequence[Backend]:
        """Return what ``parallel`` runs at once are run by."""
        if parallel not in self._loaded:
            order = self._order
            if ENGINES[order.variant.engine].streams_on_cpu:
                streams = load_copy(copy_config(order.config, order.variant, parallel))
                self._loaded[parallel] = streams
            else:
                known = [one for copies in self._loaded.values() for one in copies][:parallel]
                config = copy_config(order.config, order.variant)
                while len(known) < parallel:
                    known.append(load_copy(config)[0])
                self._loaded[parallel] = known
        return self._loaded[parallel]

    def arrays(self, rows: int) -> Arrays:
        """Return inputs of a number of rows."""
        free = {one.name for one in self._inputs if one.shape and one.shape[0] is None}
        shapes = {
            name: (rows, *shape[1:]) if name in free else tuple(shape)
            for name, shape in self._shapes.items()
        }
        random = np.random.default_rng(_SEED)
        made = generate(self._inputs, random, batch=rows, shapes=shapes)
        return [np.ascontiguousarray(made[one.name]) for one in self._inputs]


def _inputs_of(signature: Signature) -> tuple[Input, ...]:
    if signature.open_ended or not signature.inputs:
        raise GrpsError("the model does not report its inputs")
    found = []
    for one in signature.inputs:
        if not one.required:
            continue
        if one.dtype is None or one.shape is None:
            raise GrpsError(
                f"the model does not report type or shape of its input {one.name!r}; declare them "
                "in inferer_args.inputs of a project, if its engine has that"
            )
        found.append(Input(one.name, one.dtype, one.shape))
    return tuple(found)


def measure(copies: Copies, order: MeasureOrder) -> Measured:
    """Run copies side by side for a while."""
    backends = copies.of(order.parallel)
    inputs = copies.arrays(order.rows)
    for backend in backends:
        backend.infer(inputs)
    found: list[list[float]] = [[] for _ in backends]
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(backends))

    def run(backend: Backend, durations: list[float]) -> None:
        try:
            barrier.wait()
            end = time.perf_counter() + order.seconds
            while len(durations) < _MOST_RUNS:
                began = time.perf_counter()
                backend.infer(inputs)
                now = time.perf_counter()
                durations.append((now - began) * 1000)
                if now >= end and len(durations) >= order.least_runs:
                    break
        except BaseException as error:
            errors.append(error)

    cpu_s = time.process_time()
    threads = [
        threading.Thread(target=run, args=pair, daemon=True)
        for pair in zip(backends, found, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    used_s = time.process_time() - cpu_s
    return Measured([one for durations in found for one in durations], used_s)


def serve(orders: IO[bytes], replies: IO[bytes]) -> None:
    """Carry out orders until there are no more."""
    prepare_environment()
    copies: Copies | None = None
    for line in orders:
        if copies is None:
            load = msgspec.json.decode(line, type=LoadOrder)
            suggest_threads(load.variant.engine, load.variant.threads or usable_cpus())
        try:
            if copies is None:
                copies = Copies(load)
                reply: object = copies.about
            else:
                reply = measure(copies, msgspec.json.decode(line, type=MeasureOrder))
        except Exception as error:
            text = (
                str(error) if isinstance(error, GrpsError) else f"{type(error).__name__}: {error}"
            )
            reply = Refused(text)
        replies.write(msgspec.json.encode(reply) + b"\n")
        replies.flush()


def main() -> None:
    """Serve orders; what engines print goes to standard error."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
