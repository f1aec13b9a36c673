"""A step model in the calling process, for tests of a project: its sequences, without a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np

from grps.config.parts.batching import StepsConfig
from grps.config.schema import ModelConfig
from grps.errors import InputError, ModelError
from grps.inference.channel import NamedArray
from grps.inference.context import GrpsContext
from grps.inference.steps.runner import Begun, FailedRow
from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.server.loading.loaders import load_step_model
from grps.server.loading.local_entry import LocalEntry
from grps.server.loading.step_models import step_runner


@dataclass(slots=True)
class SequenceResult:
    """What became of one sequence of a step model.

    Attributes:
        outputs: Its outputs by name; element ``i`` of each is that of step ``i``. What it made
            before it failed, if it did.
        error: Why it failed: an ``InputError`` if the request was refused, else a ``ModelError``.
    """

    outputs: dict[str, np.ndarray] = field(default_factory=dict)
    error: InputError | ModelError | None = None


class LocalSteps:
    """A loaded step model."""

    def __init__(self, config: ModelConfig) -> None:
        """Load the model.

        Raises:
            ModelError: It can't be loaded.
        """
        self._model = load_step_model(config)
        self._config = config

    def infer(self, inputs: Sequence[Mapping[str, np.ndarray]]) -> list[SequenceResult]:
        """Run sequences, as many at once as the model has slots.

        Args:
            inputs: The tensors of each by name.

        Returns:
            What became of each.
        """
        sequences = [_Sequence(one, self._config.steps) for one in inputs]
        waiting = [one for one in sequences if one.result.error is None]
        channel = LocalStepChannel(waiting, self._config.slots, self._config.steps)
        step_runner(self._config, self._model, self._config.key).run(channel)
        return [one.joined() for one in sequences]


class _Sequence:
    """A sequence, and how far it is."""

    def __init__(self, inputs: Mapping[str, np.ndarray], steps: StepsConfig) -> None:
        self._inputs = [(name, np.array(array)) for name, array in inputs.items()]
        self.entry = LocalEntry(GrpsMessage(), GrpsContext(), None)
        self.outputs: Sequence[NamedArray] = ()
        self.result = SequenceResult()
        self.finished = False
        self.made: list[list[NamedArray]] = []
        read = dict(self._inputs).get(steps.prefill_input or "")
        self.positions = max(1, read.shape[-1]) if read is not None and read.ndim else 1
        self.unread = self.positions if steps.prefills_in_parts else 0
        cost = 1 if steps.prefills_in_parts else self.positions
        if steps.max_step_cost is not None and cost >= steps.max_step_cost:
            self.result.error = InputError(
                f"the input has {self.positions} positions, but a step takes "
                f"{steps.max_step_cost - 1} at most (batching.steps.max_step_cost)"
            )

    @property
    def has_ended(self) -> bool:
        """Whether it makes no more steps."""
        return self.finished or self.result.error is not None

    def inputs(self) -> list[NamedArray]:
        """Return its tensors."""
        return self._inputs

    def add(self, outputs: Sequence[NamedArray], rows: slice) -> None:
        """Add the outputs of a step; the sequence fails if they are unlike those before."""
        # A step may return views of the slots.
        mine = [(name, array[rows].copy()) for name, array in outputs]
        fault = _fault(mine, self.made[0] if self.made else mine)
        if fault is not None:
            self.result.error = ModelError(fault)
            return
        self.made.append(mine)

    def joined(self) -> SequenceResult:
        """Return what became of it."""
        for number, (name, _) in enumerate(self.made[0] if self.made else ()):
            steps = [made[number][1] for made in self.made]
            self.result.outputs[name] = np.concatenate(steps)
        return self.result


def _fault(outputs: Sequence[NamedArray], before: Sequence[NamedArray]) -> str | None:
    """Say why outputs of a sequence can't follow those of its first step."""
    if len(outputs) != len(before):
        return f"a step has {len(outputs)} outputs, the one before had {len(before)}"
    for (name, array), (known, first) in zip(outputs, before, strict=True):
        kind, wanted = (f"{one.dtype} {list(one.shape)}" for one in (array, first))
        is_like = array.dtype == first.dtype and array.shape[1:] == first.shape[1:]
        if name != known or not is_like:
            return (
                f"output {name!r} of a step is {kind}, that of the one before was "
                f"{known!r}, {wanted}"
            )
        if array.dtype.kind in "OSU":
            return f"output {name!r} of a step holds texts"
    return None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an instance does in one step; see ``grps._core.StepPlan``."""

    ended: Sequence[tuple[int | None, int, str]]
    moves: tuple[Sequence[int], Sequence[int]]
    begun: Sequence[tuple[int, Begun]]
    prefill: Sequence[tuple[int, int, int]]
    running: int
    saved: Sequence[tuple[int, int]] = ()
    dropped: Sequence[int] = ()
    restored: Sequence[tuple[int, int]] = ()


class LocalStepChannel:
    """Plans the steps of sequences that are all known; implements the runner's ``StepChannel``.

    A sequence begins as soon as a slot is free. Those that are stepped have the first rows, those
    that are prefilled in parts the rows behind them.
    """

    def __init__(self, waiting: Sequence[_Sequence], slots: int, steps: StepsConfig) -> None:
        """Plan these sequences, on so many slots."""
        self._waiting = list(waiting)
        self._rows: list[_Sequence] = []
        self._slots = slots
        self._steps = steps
        self._running = 0

    def next(self) -> _Plan | None:
        """Return the next step; ``None`` once all sequences have ended."""
        if not self._rows and not self._waiting:
            return None
        ended = [(row, row, "ended") for row, one in enumerate(self._rows) if one.has_ended]
        kept = [row for row, one in enumerate(self._rows) if not one.has_ended]
        kept.sort(key=lambda row: self._rows[row].unread > 0)
        moved = [(row, target) for target, row in enumerate(kept) if row != target]
        moves = [row for row, _ in moved], [target for _, target in moved]
        self._rows = [self._rows[row] for row in kept]
        begun = self._begin()
        self._running = sum(one.unread == 0 for one in self._rows)
        prefill = [self._read(row) for row in range(self._running, len(self._rows))]
        return _Plan(ended, moves, begun, prefill, self._running)

    def finish(
        self,
        outputs: Sequence[NamedArray],
        finished: Sequence[bool],
        failed: Sequence[FailedRow],
        state_bytes: Sequence[int],
        lengths: Sequence[int],
        cache_usage: float | None,
    ) -> None:
        """Take over what the rows of the last plan returned.

        Raises:
            ModelError: Something of it does not go with the rows.
        """
        rows = self._running
        if finished and len(finished) != rows:
            raise ModelError(
                f"a step of {rows} rows says of {len(finished)} whether they have finished"
            )
        if state_bytes and len(state_bytes) != rows:
            raise ModelError(f"a step of {rows} rows has the bytes of {len(state_bytes)} states")
        if lengths and len(lengths) != rows:
            raise ModelError(f"a step of {rows} rows has the lengths of {len(lengths)} outputs")
        for row, _, _ in failed:
            if row not in range(rows):
                raise ModelError(f"a step of {rows} rows says that row {row} has failed")
        self.fail_rows(failed)
        ends = list(accumulate(lengths or [1] * rows))
        for row, one in enumerate(self._rows[:rows]):
            if one.result.error is None:
                one.add(outputs, slice(ends[row - 1] if row else 0, ends[row]))
                is_finished = bool(finished and finished[row])
                one.finished = is_finished or len(one.made) >= self._steps.max_steps

    def fail_rows(self, failed: Sequence[FailedRow]) -> None:
        """Fail the sequences of rows."""
        for row, text, status in failed:
            one = self._rows[row].result
            one.error = ModelError(text) if status is None else InputError(text, status=status)

    def detach(self, down: str | None = None) -> None:
        """Do nothing: no instance is counted."""

    def _begin(self) -> list[tuple[int, Begun]]:
        first, free = len(self._rows), self._slots - len(self._rows)
        self._rows += self._waiting[:free]
        del self._waiting[:free]
        return [(row, self._rows[row]) for row in range(first, len(self._rows))]

    def _read(self, row: int) -> tuple[int, int, int]:
        one = self._rows[row]
        start = one.positions - one.unread
        one.unread -= min(one.unread, self._steps.max_chunk or one.unread)
        return (row, start, one.positions - one.unread)
