"""A sampling profiler of Python code: which frames a thread is in, looked at many times a second.

A sample has the time since the one before as its weight, so that the weights add up to the time
that was watched, also where native code keeps the interpreter to itself and no sample is taken.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

INTERVAL_S = 0.001
_SWITCH_S = 0.0005
"""A thread of Python gives the interpreter away after this time: the sampler waits no longer."""
_WAITING = frozenset(("threading.py", "selectors.py", "queue.py", "socket.py", "connection.py"))
"""Files of the standard library in which threads wait."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A function that was running.

    Attributes:
        file: The path of its file.
        function: Its name, with its class where Python tells it.
        line: The first line of the function.
    """

    file: str
    function: str
    line: int

    @property
    def label(self) -> str:
        """The frame as py-spy writes it."""
        return f"{self.function} ({Path(self.file).name}:{self.line})"


Stack = tuple[Frame, ...]
"""Frames, the outermost first."""


@dataclass(frozen=True, slots=True)
class Samples:
    """What a sampler saw.

    Attributes:
        seconds: The time in each stack.
        count: How many samples were taken.
    """

    seconds: Mapping[Stack, float]
    count: int

    @property
    def total_s(self) -> float:
        """The time that was watched."""
        return sum(self.seconds.values())

    def share(self, wanted: Callable[[Frame], bool]) -> float:
        """Return the share of the time in stacks that have such a frame."""
        found = sum(time for stack, time in self.seconds.items() if any(map(wanted, stack)))
        return found / self.total_s if self.total_s else 0.0

    def without_outer(self, is_outer: Callable[[Frame], bool]) -> Samples:
        """Return the samples without the outermost frames that are such ones."""
        found: dict[Stack, float] = {}
        for stack, seconds in self.seconds.items():
            first = next((at for at, one in enumerate(stack) if not is_outer(one)), len(stack))
            found[stack[first:]] = found.get(stack[first:], 0.0) + seconds
        return Samples(found, self.count)

    def functions(self) -> list[tuple[Frame, float, float]]:
        """Return each function with its own seconds and those of what it calls, most first."""
        own: Counter[Frame] = Counter()
        whole: Counter[Frame] = Counter()
        for stack, seconds in self.seconds.items():
            if stack:
                own[stack[-1]] += seconds  # type: ignore[assignment]
            for frame in set(stack):
                whole[frame] += seconds  # type: ignore[assignment]
        return sorted(
            ((frame, float(own[frame]), float(time)) for frame, time in whole.items()),
            key=lambda one: (-one[1], -one[2]),
        )

    def folded(self) -> str:
        """Return the stacks in py-spy's raw format: a line each, with its microseconds."""
        lines = (
            f"{';'.join(frame.label.replace(';', ',') for frame in stack)} {round(time * 1e6)}"
            for stack, time in sorted(self.seconds.items(), key=lambda item: -item[1])
            if stack
        )
        return "".join(f"{line}\n" for line in lines)


class Sampler:
    """Watches the thread that enters it, until it leaves.

    While that thread waits for another one, as for an event loop that runs ``async`` code, the
    other one is watched. Frames of the watched thread that were open before are left out.
    """

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        """Look every ``interval_s`` seconds."""
        self._interval_s = interval_s
        self._seconds: dict[Stack, float] = {}
        self._count = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="grps-sampler", daemon=True)
        self._watched = 0
        self._depth = 0
        self._switch_s = 0.0
        self._known: dict[object, Frame] = {}

    def __enter__(self) -> Sampler:
        """Begin to watch."""
        self._watched = threading.get_ident()
        self._depth = _depth(sys._getframe(1))
        self._switch_s = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_S)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End watching."""
        self._end.set()
        self._thread.join()
        sys.setswitchinterval(self._switch_s)

    @property
    def samples(self) -> Samples:
        """What was seen; complete once the sampler is left."""
        return Samples(dict(self._seconds), self._count)

    def _watch(self) -> None:
        last = time.perf_counter()
        while not self._end.wait(self._interval_s):
            stack = self._look()
            now = time.perf_counter()
            self._seconds[stack] = self._seconds.get(stack, 0.0) + now - last
            self._count += 1
            last = now

    def _look(self) -> Stack:
        frames = sys._current_frames()
        watched = frames.pop(self._watched, None)
        frames.pop(threading.get_ident(), None)
        if watched is None:
            return ()
        if _is_waiting(watched):
            for frame in frames.values():
                if not _is_waiting(frame):
                    return self._stack(frame, 0)
        return self._stack(watched, self._depth)

    def _stack(self, frame: FrameType | None, left_out: int) -> Stack:
        stack: list[Frame] = []
        while frame is not None:
            code = frame.f_code
            known = self._known.get(code)
            if known is None:
                # Python 3.10 has no qualified names.
                name = getattr(code, "co_qualname", code.co_name)
                known = Frame(code.co_filename, name, code.co_firstlineno)
                self._known[code] = known
            stack.append(known)
            frame = frame.f_back
        return tuple(reversed(stack))[left_out:]


def _depth(frame: FrameType | None) -> int:
    depth = 0
    while frame is not None:
        depth += 1
        frame = frame.f_back
    return depth


def _is_waiting(frame: FrameType) -> bool:
    return Path(frame.f_code.co_filename).name in _WAITING
