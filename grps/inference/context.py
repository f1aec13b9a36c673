"""The context of a request: what user code reads of it, and how it streams and fails."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from grps.errors import ModelError
from grps.inference import custom_http
from grps.inference.channel import Entry, Exchange, Stage
from grps.inference.pieces import Pieces
from grps.protocol.pb.grps_pb2 import GrpsMessage

if TYPE_CHECKING:
    from flask import Request, Response


class ChunkSink(Protocol):
    """Where the chunks of a streaming request go."""

    def stream_message(self, message: bytes) -> bool:
        """Send an encoded message, a success unless it is a failure; False when disconnected."""

    def stream_raw(self, data: bytes) -> bool:
        """Send bytes as they are; False when the client is disconnected."""

    def end_stream(self) -> None:
        """Send nothing more, whatever comes."""


class ConverterOfModel(Protocol):
    """The converter of the model that runs, as the context and user code call it."""

    def init(self, path: str | None = None, args: Any = None) -> None:
        """Prepare the converter."""

    def preprocess(self, inp: GrpsMessage, context: GrpsContext) -> Any:
        """Turn a request into what the inferer takes."""

    def postprocess(self, inp: Any, context: GrpsContext) -> GrpsMessage:
        """Turn what the inferer returned into the response."""

    def batch_preprocess(self, inps: list[GrpsMessage], contexts: list[GrpsContext]) -> Any:
        """Turn the requests of one batch into what the inferer's ``batch_infer`` takes."""

    def batch_postprocess(self, inp: Any, contexts: list[GrpsContext]) -> list[GrpsMessage]:
        """Turn what ``batch_infer`` returned into one response per request."""


class InfererOfModel(Protocol):
    """The inferer of the model that runs, as user code calls it."""

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Prepare the inferer."""

    def load(self) -> bool | None:
        """Load the model."""

    def infer(self, inp: Any, context: GrpsContext) -> Any:
        """Run the model on one input."""

    def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> Any:
        """Run the model on one batch."""


class _LocalSink:
    """Keeps chunks in memory, for contexts that a test made by hand."""

    def __init__(self) -> None:
        self.chunks: deque[bytes] = deque()

    def stream_message(self, message: bytes) -> bool:
        self.chunks.append(message)
        return True

    def stream_raw(self, data: bytes) -> bool:
        self.chunks.append(data)
        return True

    def end_stream(self) -> None:
        """Nothing is waiting for the end."""


class GrpsContext:
    """Per-request state shared by the converter and the inferer of every model on its way."""

    def __init__(self, grpc_context: Any = None, http_request: Request | None = None) -> None:
        """Make a context by hand, as a project's tests do; the server makes its own.

        Args:
            grpc_context: Kept for upstream's signature.
            http_request: What ``get_http_request`` returns.
        """
        self._user_data: dict[Any, Any] = {}
        self._has_err = False
        self._err_msg = ""
        self._http_request = http_request
        self._http_response: Any = None
        self._entry: Entry | None = None
        self._sink: ChunkSink | None = None
        self._streamed = False
        self._exchange: Exchange | None = None
        self._pieces: Pieces | None = None
        self._http_pieces: list[str | bytes] = []
        self._converter: ConverterOfModel | None = None
        self._inferer: InfererOfModel | None = None

    def bind(self, entry: Entry) -> None:
        """[For the server] Bind the context to a request that an instance runs."""
        self._entry = entry
        self._exchange = exchange = entry.exchange()
        self._streamed = False
        self._pieces = None
        if entry.is_streaming() and (exchange is None or exchange.streaming):
            self._sink = entry

    def use_sink(self, wrap: Callable[[Entry], ChunkSink]) -> None:
        """[For the server] Send the chunks of a request in another way."""
        if self._entry is not None and self._sink is self._entry:
            self._sink = wrap(self._entry)

    def has_room(self) -> bool:
        """[For the server] Return whether a chunk can be sent without waiting for the client."""
        return self._entry is None or self._entry.has_room()

    @property
    def exchange(self) -> Exchange | None:
        """[For the server] The HTTP request as it came, in customized HTTP."""
        return self._exchange

    def http_application(self) -> AbstractContextManager[Any]:
        """[For the server] Return what user code of a customized HTTP request runs in."""
        if self._exchange is not None:
            return custom_http.request_context(self._exchange)
        if self._http_request is not None:
            return custom_http.request_context_of(self._http_request)
        return nullcontext()

    def is_customized_http(self) -> bool:
        """[For the server] Return whether user code has an HTTP request, perhaps a test's."""
        return self._exchange is not None or self._http_request is not None

    def mark(self, stage: Stage) -> None:
        """[For the server] Note that a step of the request has ended."""
        if self._entry is not None:
            self._entry.mark(stage)

    def get_request_id(self) -> str | None:
        """Return the request's identifier, which its response and its log lines contain."""
        return None if self._entry is None else self._entry.id

    def get_trace_headers(self) -> dict[str, str]:
        """Return the headers that put what user code calls into the request's trace.

        Returns:
            ``traceparent``, and ``tracestate`` if the caller sent one, as W3C Trace Context defines
            them; nothing when the request is not traced.
        """
        headers = {}
        if self._entry is not None:
            sent = {"traceparent": self._entry.traceparent, "tracestate": self._entry.tracestate}
            headers = {name: value for name, value in sent.items() if value is not None}
        return headers

    def put_user_data(self, key: Any, value: Any) -> None:
        """Remember ``value`` under ``key`` for later steps of the same request."""
        self._user_data[key] = value

    def get_user_data(self, key: Any) -> Any:
        """Return what was put under ``key``, ``None`` when nothing was.

        Raises:
            ModelError: Nothing was in this process, but an earlier model ran in another one and put
                something there.
        """
        if key not in self._user_data and self._entry is not None and self._entry.left_elsewhere():
            raise ModelError(
                f"user data {key!r} is not here: an earlier model put its user data into another "
                "process (isolation: process); send it in the message instead"
            )
        return self._user_data.get(key)

    def has_user_data(self) -> bool:
        """[For the server] Return whether user code has put anything."""
        return bool(self._user_data)

    def if_streaming(self) -> bool:
        """Return whether the client requested a stream."""
        return self._sink is not None

    def stream_respond(self, msg: GrpsMessage | str | bytes, final: bool = False) -> None:
        """Send a message as a chunk; it leaves at once, and a slow client blocks the caller.

        On the event loop of async code it does not block; a stream of which 8 MiB wait ends. Async
        generators wait for a slow client without blocking others.

        For a client that requested no stream, the chunks are kept. If user code then returns
        ``None``, they are the answer: texts and bytes are joined, anything else is refused with
        status 400 unless it is a single chunk.

        Args:
            msg: The chunk. Its status becomes success unless it is a failure. In customized HTTP
                it may be text or bytes, as in ``customized_http_stream_respond``.
            final: Whether it is the last chunk; later ones go nowhere.

        Raises:
            ValueError: ``msg`` is not a ``GrpsMessage``.
        """
        if self._exchange is not None and isinstance(msg, (str, bytes)):
            self.customized_http_stream_respond(msg, final)
            return
        if not isinstance(msg, GrpsMessage):
            raise ValueError("Streaming response should be GrpsMessage")
        if self._sink is None:
            if self._entry is not None:
                self._pieces = self._pieces or Pieces()
                self._pieces.add(msg)
            return
        self._streamed = True
        self._sink.stream_message(msg.SerializeToString())
        if final:
            self._sink.end_stream()

    def has_streamed(self) -> bool:
        """[For the server] Return whether the model that runs has sent a chunk."""
        return self._streamed

    def needs_no_return(self) -> bool:
        """[For the server] Return whether the model that runs may return ``None``.

        It may if it has sent a chunk, which is kept for want of a stream. A stream may be empty.
        """
        return self.if_streaming() or self._pieces is not None

    def needs_no_more(self) -> bool:
        """[For the server] Return whether later chunks change nothing for the client."""
        if self._has_err or self.if_disconnected():
            return True
        return self._pieces is not None and self._pieces.ended

    def joined_pieces(self) -> GrpsMessage | None:
        """[For the server] Return the chunks for a client that requested no stream, as one.

        Raises:
            InputError: They can't be joined.
        """
        return None if self._pieces is None else self._pieces.whole()

    def stream_respond_with_postprocess(self, inp: Any, final: bool = False) -> None:
        """Send what the converter's ``postprocess`` makes of ``inp`` as a chunk.

        Args:
            inp: What ``postprocess`` takes.
            final: Whether it is the last chunk; later ones go nowhere.

        Raises:
            ValueError: The model has no converter.
        """
        if self._converter is None:
            raise ValueError("stream_respond_with_postprocess should only be used with converter")
        self.stream_respond(self._converter.postprocess(inp, self), final)

    def customized_http_stream_respond(self, msg: str | bytes, final: bool = False) -> None:
        """Send text or bytes as a chunk of a customized HTTP response.

        For a client that requested no stream, the chunks are kept. If user code sets no response,
        they are its body.

        Args:
            msg: The chunk, sent as it is.
            final: Whether it is the last chunk; later ones go nowhere.

        Raises:
            ValueError: ``msg`` is neither, or the request is not customized HTTP.
        """
        if not isinstance(msg, (str, bytes)):
            raise ValueError("Streaming response should be str or bytes")
        if self.get_http_request() is None:
            raise ValueError(
                "customized_http_stream_respond should only be used with customized http"
            )
        if self._sink is None:
            self._http_pieces.append(msg)
            return
        self._streamed = True
        self._sink.stream_raw(msg.encode() if isinstance(msg, str) else msg)
        self._end_if(final)

    def _end_if(self, final: bool) -> None:
        if final and self._sink is not None:
            self._sink.end_stream()

    def set_has_err(self, has_err: bool) -> None:
        """Mark the request as failed, or take the mark back.

        Args:
            has_err: Whether it has failed.
        """
        self._has_err = has_err

    def has_err(self) -> bool:
        """Return whether the request is marked as failed."""
        return self._has_err

    def set_err_msg(self, err_msg: str) -> None:
        """Mark the request as failed with a message for the client, which gets status 500.

        Raise ``InputError`` instead if the request is at fault.

        Args:
            err_msg: What went wrong; one line.
        """
        self._has_err = True
        self._err_msg = err_msg

    def get_err_msg(self) -> str:
        """Return the message for the client, empty when none was set."""
        return self._err_msg

    def get_http_request(self) -> Request | None:
        """Return the request of customized HTTP, ``None`` for any other.

        It is also ``flask.request``: ``jsonify``, ``abort`` and the rest of flask's helpers work.
        Files of a form are in ``files``, its fields in ``form``.

        Raises:
            MissingExtraError: flask is not installed.
        """
        if self._http_request is None and self._exchange is not None:
            self._http_request = custom_http.to_flask(self._exchange)
        return self._http_request

    def set_http_response(self, http_response: Any) -> None:
        """Set the response of customized HTTP.

        Args:
            http_response: A str, bytes, ``(body, status, headers)`` or ``flask.Response``, or
                anything else that flask takes from a view: ``(body, status)``,
                ``(body, headers)``, a dict or a list (JSON), or a generator, whose pieces leave
                as they are made.

        Raises:
            ValueError: It is none of them.
        """
        self._http_response = custom_http.check_response(http_response)

    def get_http_response(self) -> Response | None:
        """Return the response that was set as a ``flask.Response``, ``None`` when none was."""
        if self._http_response is None:
            return None
        return custom_http.to_flask_response(self._http_response)

    def chosen_http_response(self, outcome: Any) -> Any:
        """[For the server] Return the response that was set, else what was returned or kept.

        Args:
            outcome: What user code returned.

        Raises:
            ValueError: It returned what is neither a message nor a response.
        """
        if self._http_response is None and not (self._streamed or self._has_err):
            if self._http_pieces:
                self._http_response = custom_http.join_pieces(self._http_pieces)
            elif outcome is not None and not isinstance(outcome, GrpsMessage):
                self.set_http_response(outcome)
        return self._http_response

    def has_streamed_response(self, outcome: Any) -> bool:
        """[For the server] Return whether the response is made piece by piece while it is sent."""
        if self._exchange is None:
            return False
        return custom_http.is_streamed(self.chosen_http_response(outcome))

    def if_disconnected(self) -> bool:
        """Return whether the client is disconnected or the deadline has passed."""
        return self._entry is not None and self._entry.is_cancelled()

    def set_converter(self, converter: ConverterOfModel | None) -> None:
        """[For the server] Set the converter of the model that runs."""
        self._converter = converter

    @property
    def converter(self) -> ConverterOfModel | None:
        """The converter of the model that runs."""
        return self._converter

    def set_inferer(self, inferer: InfererOfModel | None) -> None:
        """[For the server] Set the inferer of the model that runs."""
        self._inferer = inferer

    @property
    def inferer(self) -> InfererOfModel | None:
        """The inferer of the model that runs."""
        return self._inferer

    def set_batcher_future(self, future: Any) -> None:
        """Do nothing with ``future``; upstream's batcher used one."""

    def batcher_future_notify(self) -> None:
        """Do nothing; upstream's batcher used a future."""

    def start_http_streaming_generator(self) -> None:
        """Collect chunks in memory, for tests without a server."""
        self._sink = _LocalSink()

    def stop_http_streaming_generator(self) -> None:
        """End the stream."""
        self._end_if(True)

    def http_streaming_generator(self) -> Iterator[bytes]:
        """Yield the chunks collected since ``start_http_streaming_generator``."""
        while isinstance(self._sink, _LocalSink) and self._sink.chunks:
            yield self._sink.chunks.popleft()

    start_grpc_streaming_generator = start_http_streaming_generator
    stop_grpc_streaming_generator = stop_http_streaming_generator
