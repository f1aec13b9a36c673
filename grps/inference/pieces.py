"""The pieces of a streamed answer, for a client that requested no stream."""

from __future__ import annotations

from grps.errors import InputError
from grps.protocol.pb.grps_pb2 import GrpsMessage, Status

JOINABLE = ("str_data", "bin_data")
"""The fields whose pieces, one after the other, are the whole."""


def not_joined(*kinds: str) -> InputError:
    """Return the refusal of a request whose answer is several pieces of these kinds."""
    return InputError(
        f"the model answers in several pieces ({', '.join(kinds)}), which make no single message; "
        "request a stream: streaming=true over HTTP, PredictStreaming over gRPC"
    )


class Pieces:
    """Joins messages: texts and bytes one after the other; a single message stays as it is."""

    def __init__(self) -> None:
        """Begin without a piece."""
        self._last = GrpsMessage()
        self._texts: list[str] = []
        self._data: list[bytes] = []
        self._only = self._last
        self._kinds: list[str] = []
        self.ended = False
        """Whether no later piece changes the answer: one was a failure, or they can't be joined."""

    def add(self, message: GrpsMessage) -> None:
        """Take the next piece; user code may use the message again."""
        if self.ended:
            return
        self._last = GrpsMessage()
        self._last.CopyFrom(message)
        if message.status.status == Status.FAILURE:
            self.ended = True
            return
        kind = message.WhichOneof("data_oneof")
        if kind is None:
            return
        if self._kinds and (kind not in JOINABLE or kind != self._kinds[0]):
            self._kinds.append(kind)
            self.ended = True
            self._texts, self._data = [], []
            return
        self._kinds.append(kind)
        if kind == "str_data":
            self._texts.append(message.str_data)
        elif kind == "bin_data":
            self._data.append(message.bin_data)
        else:
            self._only = self._last

    def whole(self) -> GrpsMessage:
        """Return all pieces as one message, with the other fields of the last piece.

        A piece that is a failure ends the answer and is the whole of it.

        Raises:
            InputError: They can't be joined.
        """
        whole = self._last
        if whole.status.status == Status.FAILURE or not self._kinds:
            return whole
        if self.ended:
            raise not_joined(*dict.fromkeys(self._kinds))
        if self._texts:
            whole.str_data = "".join(self._texts)
        elif self._data:
            whole.bin_data = b"".join(self._data)
        else:
            whole = self._only
        return whole
