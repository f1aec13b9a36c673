"""The worker's end of a model's queue: what the runner loop sees in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from grps.inference.channel import NamedArray, Stage
from grps.log import clean
from grps.server.worker import packets
from grps.server.worker.packet_channel import PacketChannel
from grps.server.worker.packets import Blobs, ExchangeMeta, Pipe, Received

MOST_STATUS = 0xFFFF


class EntryChannel(Protocol):
    """What a request needs of the channel that it came by."""

    @property
    def ended(self) -> bool:
        """Whether the server has exited."""

    def set_current(self, request: str) -> None:
        """Set the request that this process works on."""

    def send(self, kind: int, meta: Sequence[object], blobs: Blobs) -> None:
        """Send a packet to the server."""

    def look(self) -> None:
        """Read what the server has sent meanwhile: which clients have disconnected."""


class WorkerChannel(PacketChannel):
    """Where the instance of this process pulls its work from."""

    def __init__(self, pipe: Pipe, note: int) -> None:
        """Pull from ``pipe``; the number of a batch that is begun goes to the file ``note``."""
        super().__init__(pipe, note)
        self._batch: WorkerBatch | None = None
        self._singles: dict[int, WorkerBatch] = {}

    def next(self) -> WorkerBatch | None:
        """Wait for requests; ``None`` once the server has exited or stops the instance."""
        with self._lock:
            # From here on no other thread receives: see ``look``.
            done, self._batch = self._batch, None
            self._current = None
            self._singles.clear()
        if done is not None:
            done.close()
            self.send(packets.DONE, [done.number], Blobs())
        while not self.ended:
            packet = self._pipe.receive()
            if packet is None:
                self.ended = True
            elif packet.kind == packets.BATCH:
                batch = WorkerBatch(self, packet)
                self._note_begun(batch.number)
                with self._lock:
                    self._batch = batch
                batch.make_current()
                return batch
        return None

    def _is_busy(self) -> bool:
        return self._batch is not None

    def singles(self, number: int, count: int) -> Iterator[WorkerBatch]:
        """Give ``count`` requests of a batch, each as a batch of its own."""
        self.send(packets.SINGLES, [number], Blobs())
        made: list[WorkerBatch] = []
        with self._lock:
            while len(made) < count:
                packet = self._pipe.receive()
                if packet is None:
                    self.ended = True
                    return
                single = self._take(packet)
                if single is not None:
                    made.append(single)
        yield from made

    def _take(self, packet: Received) -> WorkerBatch | None:
        if packet.kind == packets.BATCH:
            single = WorkerBatch(self, packet)
            self._singles[single.number] = single
            return single
        if packet.kind == packets.CANCEL:
            meta = packet.meta(packets.CancelMeta)
            running = self._batch
            batch = self._singles.get(meta.number)
            if batch is None and running is not None and running.number == meta.number:
                batch = running
            if batch is not None:
                batch.cancel(meta.entries)
        return None


class WorkerBatch:
    """Requests that the worker runs at once; implements the runner's ``Batch``."""

    def __init__(self, channel: WorkerChannel, packet: Received) -> None:
        """Take a packet apart."""
        meta = packet.meta(packets.BatchMeta)
        self._channel = channel
        self.number = meta.number
        self.rows = meta.rows
        self._tensors: list[NamedArray] | None = None
        if meta.tensors is not None:
            self._tensors = [(tensor.name, packet.array(tensor)) for tensor in meta.tensors]
        self._entries = [
            WorkerEntry(channel, self.number, index, entry, packet)
            for index, entry in enumerate(meta.entries)
        ]

    def __len__(self) -> int:
        """Return the number of requests."""
        return len(self._entries)

    def described(self) -> str:
        """Return the first request's identifier for logs, and how many are with it."""
        more = len(self._entries) - 1
        return self._entries[0].id + (f"+{more}" if more else "")

    def entries(self) -> Sequence[WorkerEntry]:
        """Return the requests."""
        return self._entries

    def make_current(self) -> None:
        """Make its requests those that log lines are about."""
        self._channel.set_current(self.described())

    def tensors(self) -> list[NamedArray]:
        """Take the joined input.

        Raises:
            RuntimeError: The requests have no tensors in common, or they were taken.
        """
        self.make_current()
        tensors, self._tensors = self._tensors, None
        if tensors is None:
            raise RuntimeError("the requests have no tensors in common")
        return tensors

    def reply_tensors(self, outputs: Sequence[NamedArray]) -> None:
        """Give every request without a response its rows of the outputs."""
        blobs = Blobs()
        described = blobs.add_tensors(outputs)
        # What can't be sent is no reply: the requests are failed then.
        self._channel.send(packets.OUTPUTS, [self.number, described], blobs)
        for entry in self._entries:
            entry.answered = True

    def singles(self) -> Sequence[WorkerBatch]:
        """Return the requests without a response, each as a batch of its own."""
        count = sum(not entry.answered for entry in self._entries)
        return list(self._channel.singles(self.number, count))

    def close(self) -> None:
        """Note that no response can be sent any more."""
        for entry in self._entries:
            entry.answered = True

    def cancel(self, entries: Sequence[int]) -> None:
        """Note which clients have disconnected."""
        for index in entries:
            self._entries[index].left = True


class WorkerEntry:
    """One request in the worker; implements the runner's ``Entry``."""

    def __init__(
        self,
        channel: EntryChannel,
        number: int,
        index: int,
        meta: packets.EntryMeta,
        packet: Received,
    ) -> None:
        """Make the request ``index`` of batch ``number``."""
        self._channel = channel
        self._place = (number, index)
        self._meta = meta
        self._message = None if meta.message is None else packet.blob(meta.message)
        body = b"" if meta.exchange is None else packet.blob(meta.exchange.body)
        self._exchange = (
            None if meta.exchange is None else WorkerExchange(channel, self._place, meta, body)
        )
        self._filled = False
        self._last_ns = time.perf_counter_ns()
        self._spent_ns = {"preprocess": 0, "infer": 0, "postprocess": 0}
        self.answered = False
        self.left = False
        """Whether the client has disconnected."""

    @property
    def id(self) -> str:
        """Identifier of the request."""
        return self._meta.id

    @property
    def traceparent(self) -> str | None:
        """The request's place in a trace."""
        return self._meta.traceparent

    @property
    def tracestate(self) -> str | None:
        """Values of the caller's tracing systems that are passed on."""
        return self._meta.tracestate

    def make_current(self) -> None:
        """Make it the request that log lines are about."""
        self._channel.set_current(self.id)

    def mark(self, stage: Stage) -> None:
        """Note that a step has ended that began with the end of the one before it."""
        now_ns = time.perf_counter_ns()
        self._spent_ns[stage] += now_ns - self._last_ns
        self._last_ns = now_ns

    def tensors(self) -> list[NamedArray]:
        """Refuse: a batch holds the tensors of its requests.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError("the input is a message, or belongs to the batch")

    def message(self) -> bytes:
        """Take the input as an encoded ``GrpsMessage``.

        Raises:
            RuntimeError: The input is tensors.
        """
        self.make_current()
        if self._message is None:
            raise RuntimeError("the input is tensors")
        return self._message

    def is_cancelled(self) -> bool:
        """Return whether the client is disconnected or the deadline has passed."""
        if not (self.answered or self.left):
            self._channel.look()
        return self.answered or self.left or self._channel.ended

    def is_answered(self) -> bool:
        """Return whether the request has a response."""
        return self.answered

    def is_streaming(self) -> bool:
        """Return whether the client requested a stream."""
        return self._meta.streaming

    def stream_message(self, message: bytes) -> bool:
        """Send an encoded message as a chunk; False when the client is disconnected."""
        return self._stream(packets.MESSAGE, message)

    def stream_raw(self, data: bytes) -> bool:
        """Send bytes as a chunk; False when the client is disconnected."""
        return self._stream(packets.RAW, data)

    def has_room(self) -> bool:
        """Return True: the server holds up the process of a model whose client is slow."""
        return True

    push_message = stream_message
    push_raw = stream_raw

    def end_stream(self) -> None:
        """End the stream ahead of the model's return."""
        if not self.answered:
            self._channel.send(packets.END_STREAM, self._place, Blobs())

    def exchange(self) -> WorkerExchange | None:
        """Return the HTTP request as it came, when user code writes the response."""
        return self._exchange

    def session(self) -> None:
        """Return nothing: what other models leave stays in their process."""

    def set_session(self, value: object, filled: bool) -> None:
        """Note that user data stays here, for the next model's user code."""
        del value
        self._filled = filled

    def left_elsewhere(self) -> bool:
        """Return whether user code of an earlier model stored user data in another process."""
        return self._meta.left_elsewhere

    def reply_tensors(self, tensors: Sequence[NamedArray]) -> None:
        """Reply with C-contiguous arrays."""
        blobs = Blobs()
        content = [packets.TENSORS, blobs.add_tensors(tensors), packets.NOWHERE]
        meta = [*self._place, content, self._filled, self._spent()]
        self._answer(packets.REPLY, meta, blobs)

    def reply_message(self, message: bytes) -> None:
        """Reply with an encoded ``GrpsMessage``."""
        blobs = Blobs()
        self._answer(packets.REPLY, self._describe(packets.MESSAGE, message, blobs), blobs)

    def fail(self, message: str) -> None:
        """Fail the request: the model or the user's code failed."""
        self._fail(False, message)

    def refuse(self, message: str, status: int = 400) -> None:
        """Fail the request: the input does not fit the model, or user code refuses it."""
        self._fail(True, message, status)

    def _fail(self, invalid: bool, message: str, status: int = 400) -> None:
        if not isinstance(message, str):
            raise TypeError(f"an error message is text, not {type(message).__name__}")
        self._answer(packets.FAILURE, [*self._place, invalid, clean(str(message)), status], Blobs())

    def _stream(self, form: int, data: bytes) -> bool:
        if self.answered:
            return False
        blobs = Blobs()
        self._channel.send(packets.CHUNK, self._describe(form, data, blobs), blobs)
        return not self.is_cancelled()

    def _describe(self, form: int, data: bytes, blobs: Blobs) -> list[object]:
        content = [form, [], blobs.add(data)]
        return [*self._place, content, self._filled, self._spent()]

    def _spent(self) -> tuple[int, int]:
        return self._spent_ns["preprocess"], self._spent_ns["infer"]

    def _answer(self, kind: int, meta: Sequence[object], blobs: Blobs) -> None:
        if self.answered:
            raise RuntimeError("the request was answered already")
        self.answered = True
        try:
            self._channel.send(kind, meta, blobs)
        except BaseException:
            # Nothing was sent: it can still be failed.
            self.answered = False
            raise


class WorkerExchange:
    """A request of customized HTTP; implements the runner's ``Exchange``."""

    def __init__(
        self,
        channel: EntryChannel,
        place: tuple[int, int],
        meta: packets.EntryMeta,
        body: bytes,
    ) -> None:
        """Make the exchange of the request at ``place``."""
        assert meta.exchange is not None
        request: ExchangeMeta = meta.exchange
        self._channel = channel
        self._place = place
        self.streaming = request.streaming
        self.alone = request.alone
        self.method = request.method
        self.path = request.path
        self.query = request.query
        self.headers = request.headers
        self.body = body
        self.peer = request.peer

    def reply(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Set the response; it replaces an earlier one.

        Raises:
            ValueError: The status is no HTTP status, or a header can't be encoded.
        """
        if not 0 <= status <= MOST_STATUS:
            raise ValueError(f"{status} is not an HTTP status")
        blobs = Blobs()
        named = [[str(name), str(value)] for name, value in headers]
        meta = [*self._place, int(status), named, blobs.add(body)]
        self._channel.send(packets.HTTP_REPLY, meta, blobs)
