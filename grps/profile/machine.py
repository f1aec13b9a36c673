"""What this machine can do at most: memory bandwidth and products of matrices, by threads.

``measure_machine`` runs ``main`` in a process of its own, in which the library behind numpy's
products has one thread for each thread of Python. The rates are the best of some short rounds:

- products of square matrices of float32, a pair for each thread, by numpy's library;
- copies of arrays of 64 to 256 MiB, a part for each thread; bytes that are read and bytes that are
  written both count, as in the STREAM benchmark.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from grps.machine import memory_limit, usable_cpus
from grps.profile.curves import doubling
from grps.profile.errors import ProfileError

_CACHE = Path("/sys/devices/system/cpu/cpu0/cache")
_CPU_INFO = Path("/proc/cpuinfo")
_SINGLE = {
    name: "1"
    for name in (
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OMP_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    )
}
"""Variables that the libraries behind numpy read."""
_CHILD = f"from {__name__} import main; main()"
_MATRIX = 512
_ROUNDS = 3
_ROUND_S = 0.08
_CHUNK_BYTES = 4 << 20
_LEAST_BYTES, _MOST_BYTES = 64 << 20, 256 << 20
"""Of each of both arrays. A machine may report caches that it has not to itself."""
_MEMORY_SHARE = 8
"""Copied arrays take one part in this many of the memory at most."""
_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Roof:
    """What some threads reach at most.

    Attributes:
        threads: How many.
        flops_per_s: Operations of products of float32 matrices.
        bytes_per_s: Bytes that are read and written.
    """

    threads: int
    flops_per_s: float
    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine.

    Attributes:
        processor: Its name.
        cpus: Processors that this process may use.
        library: What multiplied the matrices.
        roofs: By ascending threads.
    """

    processor: str
    cpus: int
    library: str
    roofs: tuple[Roof, ...]

    def roof(self, threads: int) -> Roof:
        """Return the roof of so many threads, or of the next smaller number that was measured."""
        fitting = [one for one in self.roofs if one.threads <= threads]
        return fitting[-1] if fitting else self.roofs[0]


def measure_machine(threads: Sequence[int] = ()) -> Machine:
    """Measure this machine; it takes a second or two.

    Args:
        threads: Numbers of threads; 1, 2, 4 … and all usable processors when empty.

    Raises:
        ProfileError: The measurement failed.
    """
    wanted = sorted(set(threads or doubling(usable_cpus())))
    command = [sys.executable, "-c", _CHILD, *map(str, wanted)]
    environment = {**os.environ, **_SINGLE}
    try:
        ran = subprocess.run(
            command, env=environment, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ProfileError(f"this machine was not measured within {_TIMEOUT_S} s") from None
    if ran.returncode:
        lines = ran.stderr.decode(errors="replace").strip().splitlines()
        raise ProfileError(f"this machine can't be measured: {lines[-1] if lines else 'no cause'}")
    roofs = msgspec.json.decode(ran.stdout, type=tuple[Roof, ...])
    return Machine(_processor(), usable_cpus(), _library(), roofs)


def measure_roofs(threads: Sequence[int]) -> list[Roof]:
    """Measure what numbers of threads reach, in this process."""
    copied = np.ones((2, _copied_bytes()), np.uint8)
    return [Roof(count, _products(count), _copies(count, copied)) for count in threads]


def _products(threads: int) -> float:
    random = np.random.default_rng(1)
    pairs = [random.random((2, _MATRIX, _MATRIX), dtype=np.float32) for _ in range(threads)]
    results = [np.empty((_MATRIX, _MATRIX), np.float32) for _ in range(threads)]
    runs = [
        lambda pair=pair, result=result: np.matmul(pair[0], pair[1], out=result)
        for pair, result in zip(pairs, results, strict=True)
    ]
    return 2.0 * _MATRIX**3 * _best_rate(runs)


def _copies(threads: int, arrays: np.ndarray[Any, Any]) -> float:
    """Return the bytes per second; each thread goes round its own part, a chunk at a time."""
    parts = np.array_split(arrays, threads, axis=1)
    chunk = min(_CHUNK_BYTES, parts[-1].shape[1])
    runs = [_round(part, chunk) for part in parts]
    return 2.0 * float(chunk) * _best_rate(runs)


def _round(part: np.ndarray[Any, Any], chunk: int) -> Callable[[], None]:
    starts = itertools.cycle(range(0, part.shape[1] - chunk + 1, chunk))

    def copy() -> None:
        start = next(starts)
        np.copyto(part[0, start : start + chunk], part[1, start : start + chunk])

    return copy


def _copied_bytes() -> int:
    wanted = max(_LEAST_BYTES, min(_MOST_BYTES, _largest_cache()))
    return min(wanted, memory_limit() // _MEMORY_SHARE)


def _largest_cache() -> int:
    """Return the bytes of the largest cache that a processor has, 0 if it is not known."""
    sizes = [0]
    for file in _CACHE.glob("index*/size"):
        if found := re.fullmatch(r"(\d+)([KM])", file.read_text().strip()):
            sizes.append(int(found[1]) << {"K": 10, "M": 20}[found[2]])
    return max(sizes)


def _best_rate(runs: Sequence[Callable[[], object]]) -> float:
    """Return the runs per second of all threads together, a thread for each of ``runs``."""
    for run in runs:
        run()
    return max(_rate(runs) for _ in range(_ROUNDS))


def _rate(runs: Sequence[Callable[[], object]]) -> float:
    start = threading.Barrier(len(runs) + 1)
    rates = [0.0] * len(runs)

    def work(at: int) -> None:
        start.wait()
        began = time.perf_counter()
        done = 0
        while done == 0 or time.perf_counter() - began < _ROUND_S:
            runs[at]()
            done += 1
        rates[at] = done / (time.perf_counter() - began)

    threads = [threading.Thread(target=work, args=(at,)) for at in range(len(runs))]
    for thread in threads:
        thread.start()
    start.wait()
    for thread in threads:
        thread.join()
    return sum(rates)


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", _CPU_INFO.read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else os.uname().machine


def _library() -> str:
    """Return the library behind numpy's products, with its version."""
    try:
        built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        name = f"{built['name']} {built['version']}"
    except (KeyError, TypeError):
        name = "its library"
    return f"numpy {np.__version__}, {name}"


def main() -> None:
    """Print the roofs of the numbers of threads on the command line, as JSON."""
    roofs = measure_roofs([int(threads) for threads in sys.argv[1:]])
    sys.stdout.write(msgspec.json.encode(roofs).decode())
