"""The worker's end of the queue of a step model, and how the worker serves it."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from grps.inference.channel import NamedArray
from grps.inference.steps.runner import FailedRow
from grps.log import clean
from grps.server.worker import packets
from grps.server.worker.channel import WorkerEntry
from grps.server.worker.packet_channel import PacketChannel
from grps.server.worker.packets import BegunMeta, Blobs, Pipe, Received, StepMeta

MOST_NUMBER = (1 << 64) - 1
"""Largest number that the server reads."""


class StepEntry(WorkerEntry):
    """The request of a sequence in the worker: its outputs leave by its steps only."""

    def end_stream(self) -> None:
        """Refuse; see ``_refuse``."""
        self._refuse()

    def set_session(self, value: object, filled: bool) -> None:
        """Refuse; see ``_refuse``."""
        del value, filled
        self._refuse()

    def _stream(self, form: int, data: bytes) -> bool:
        del form, data
        self._refuse()
        return False

    def _answer(self, kind: int, meta: Sequence[object], blobs: Blobs) -> None:
        del kind, meta, blobs
        self._refuse()

    def _refuse(self) -> None:
        """Refuse what only the server can do.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(
            "a sequence of a step model in a process of its own (isolation: process) is answered "
            "by StepResult only"
        )


class WorkerBegun:
    """A sequence that begins; implements the runner's ``Begun``."""

    def __init__(self, meta: BegunMeta, entry: StepEntry, packet: Received) -> None:
        """Take its tensors out of ``packet``, which owns its memory."""
        self.entry = entry
        self._meta = meta
        self._packet = packet

    @property
    def outputs(self) -> list[NamedArray]:
        """Outputs of the steps that it made before it lost its state."""
        return [(tensor.name, self._packet.array(tensor)) for tensor in self._meta.outputs]

    def inputs(self) -> list[NamedArray]:
        """Return its tensors, whose arrays own their memory."""
        return [(tensor.name, self._packet.array(tensor)) for tensor in self._meta.inputs]


class WorkerPlan:
    """What the instance does in one step; implements the runner's ``Plan``."""

    def __init__(self, meta: StepMeta, begun: Sequence[tuple[int, WorkerBegun]]) -> None:
        """Make the plan of a packet."""
        self.ended = meta.ended
        self.saved = meta.saved
        self.dropped = meta.dropped
        self.moves = meta.moves
        self.restored = meta.restored
        self.prefill = meta.prefill
        self.running = meta.running
        self.begun = begun


class WorkerStepChannel(PacketChannel):
    """Where the instance of this process gets its plans from."""

    def __init__(self, pipe: Pipe, note: int) -> None:
        """Take plans from ``pipe``; the number of a begun step goes to the file ``note``."""
        super().__init__(pipe, note)
        self._step: int | None = None
        """The step that is made; ``None`` once it is answered."""
        self._entries: dict[int, StepEntry] = {}
        """Requests of the sequences that the instance holds, by their numbers."""

    def next(self) -> WorkerPlan | None:
        """Wait for a plan; ``None`` once the server has exited or stops the instance."""
        if self._step is not None:
            # There was nothing to step.
            self._answer(packets.DONE, [], Blobs())
        self._current = None
        while not self.ended:
            # No other thread receives between two steps: see ``look``.
            packet = self._pipe.receive()
            if packet is None:
                self.ended = True
            elif packet.kind == packets.STEP:
                return self._begin(packet)
        return None

    def finish(
        self,
        outputs: Sequence[NamedArray],
        finished: Sequence[bool],
        failed: Sequence[FailedRow],
        state_bytes: Sequence[int],
        lengths: Sequence[int],
        cache_usage: float | None,
    ) -> None:
        """Send what the rows of the last plan returned.

        Raises:
            TypeError: An output is no array.
            ValueError: Something can't be sent. The rows can still be failed.
        """
        blobs = Blobs()
        described = blobs.add_tensors(outputs)
        sizes = [_unsigned(size, "the bytes of a state") for size in state_bytes]
        rows = [_unsigned(length, "a length") for length in lengths]
        meta = [described, finished, [_clean(row) for row in failed], sizes, rows, cache_usage]
        self._answer(packets.STEPPED, meta, blobs)

    def fail_rows(self, failed: Sequence[FailedRow]) -> None:
        """Fail the requests of rows."""
        if self._step is not None:
            self._answer(packets.ROWS_FAILED, [[_clean(row) for row in failed]], Blobs())

    def _is_busy(self) -> bool:
        return self._step is not None

    def _take(self, packet: Received) -> None:
        if packet.kind == packets.CANCEL_SEQUENCES:
            for number in packet.meta(packets.SequencesMeta).sequences:
                entry = self._entries.get(number)
                if entry is not None:
                    entry.left = True

    def _begin(self, packet: Received) -> WorkerPlan:
        meta = packet.meta(StepMeta)
        if meta.begun:
            packet = packet.own()
        self._note_begun(meta.number)
        with self._lock:
            for _, number, _ in meta.ended:
                entry = self._entries.pop(number, None)
                if entry is not None:
                    entry.left = True
            begun = [(one.row, self._begun(one, packet)) for one in meta.begun]
            self._step = meta.number
        return WorkerPlan(meta, begun)

    def _begun(self, meta: BegunMeta, packet: Received) -> WorkerBegun:
        entry = StepEntry(self, meta.sequence, 0, meta.entry, packet)
        self._entries[meta.sequence] = entry
        return WorkerBegun(meta, entry, packet)

    def _answer(self, kind: int, meta: Sequence[object], blobs: Blobs) -> None:
        with self._lock:
            # Nothing is sent if it raises: the step can still be answered.
            self._pipe.send(kind, [self._step, *meta], blobs)
            self._step = None


def _clean(failed: FailedRow) -> FailedRow:
    row, text, status = failed
    return _unsigned(row, "the number of a row"), clean(text), status


def _unsigned(value: int, what: str) -> int:
    """Return a number as it can be sent.

    Raises:
        ValueError: It is negative or too large.
    """
    number = operator.index(value)
    if not 0 <= number <= MOST_NUMBER:
        raise ValueError(f"{what} is {number}")
    return number
