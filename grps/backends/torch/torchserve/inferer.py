"""The inferer of ``inferer_type: torchserve``: runs the handler of a model archive."""

from __future__ import annotations

import threading
from importlib import import_module
from pathlib import Path
from typing import Any

from grps.backends.common.device import choose_device, parse_device
from grps.backends.torch.torchserve.request import Headers, read_request
from grps.backends.torch.torchserve.response import (
    HttpAnswer,
    failure,
    http_answer,
    message_answer,
)
from grps.backends.torch.torchserve.service import Service, load_service
from grps.errors import ModelError
from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer
from grps.log import logger
from grps.protocol.pb.grps_pb2 import GrpsMessage

OUT_OF_RESOURCES = 507
NO_CUDA = "this machine has no CUDA device, or PyTorch can't use it"
Answer = GrpsMessage | HttpAnswer | None


class HandlerInferer(ModelInferer):
    """Runs a handler on batches of requests, as a worker of TorchServe does."""

    def __init__(self, batch_size: int = 1) -> None:
        """Make an inferer that is not loaded.

        Args:
            batch_size: The most requests of a batch, which handlers are told.
        """
        super().__init__()
        self._batch_size = batch_size
        self._service: Service | None = None
        # A handler keeps the context of the batch that it runs.
        self._running = threading.Lock()

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Note where the unpacked archive is, and the device of the model."""
        super().init(path, device, args)

    def load(self) -> None:
        """Import the handler, and let it load its model.

        Raises:
            ModelError: The archive has no such handler.
            DeviceError: The device is not on this machine.
        """
        folder = Path(self._path or "").resolve()
        self._service = load_service(folder, _gpu_id(self._device), self._batch_size)

    def infer(self, inp: GrpsMessage, context: GrpsContext) -> Answer:
        """Run the handler on one request."""
        return self.batch_infer([inp], [context])[0]

    def batch_infer(self, inp: list[GrpsMessage], contexts: list[GrpsContext]) -> list[Answer]:
        """Run the handler on the requests of a batch.

        Raises:
            ModelError: The handler returned something else than one answer per request.
            Exception: Whatever the handler raises.
        """
        assert self._service is not None
        read = [read_request(*one) for one in zip(inp, contexts, strict=True)]
        with self._running:
            return _Run(self._service, contexts).run(read)


class _Run:
    """One call of a handler."""

    def __init__(self, service: Service, requests: list[GrpsContext]) -> None:
        self._service = service
        self._context = service.context
        self._requests = requests
        self._in_pieces: set[int] = set()

    def run(self, read: list[tuple[dict[str, Any], Headers]]) -> list[Answer]:
        """Return the answer to each request."""
        processor = import_module("ts.context").RequestProcessor
        context = self._context
        context.request_processor = [processor(headers) for _, headers in read]
        context.request_ids = {
            number: request.get_request_id() or "" for number, request in enumerate(self._requests)
        }
        context.metrics.request_ids = context.request_ids
        context.cl_socket = self
        try:
            returned = self._service.entry([values for values, _ in read], context)
        except Exception as error:
            failed = _own_failure(error)
            # Of several requests, the runner tries each again by itself.
            if failed is None or len(read) > 1:
                raise
            logger.warning("the handler failed a request: %s", failed[1])
            return [self._failed(*failed)]
        if not isinstance(returned, list) or len(returned) != len(read):
            raise ModelError(_not_one_each(returned, len(read)))
        return [self._answer(number, value) for number, value in enumerate(returned)]

    def send_piece(self, number: int, value: Any) -> None:
        """Send a piece of the response to a request."""
        request = self._requests[number]
        if request.exchange is None:
            request.stream_respond(message_answer(value))
        else:
            body, status, headers = http_answer(value, *self._head(number))
            request.stream_http(body, status, list(headers.items()))
        self._in_pieces.add(number)

    def sendall(self, _: bytes) -> None:
        """Refuse the packets of TorchServe's own protocol.

        Raises:
            ModelError: Always.
        """
        raise ModelError(
            "a response in pieces needs the modules of GRPS, but torchserve is installed; "
            "uninstall it from this environment"
        )

    def _answer(self, number: int, value: Any) -> Answer:
        is_http = self._requests[number].exchange is not None
        if number in self._in_pieces:
            self.send_piece(number, value)
            return GrpsMessage() if is_http else None
        if not is_http:
            return message_answer(value)
        return http_answer(value, *self._head(number))

    def _head(self, number: int) -> tuple[int, dict[str, str]]:
        status, _ = self._context.get_response_status(number)
        return int(status or 200), self._context.get_response_headers(number)

    def _failed(self, status: int, message: str) -> Answer:
        (request,) = self._requests
        if request.exchange is not None:
            return failure(status, message)
        request.set_err_msg(message)
        return None


def _own_failure(error: Exception) -> tuple[int, str] | None:
    """Return the status and the message that a handler fails a request with, if it says so."""
    if type(error).__name__ == "PredictionException":
        return int(getattr(error, "error_code", 500)), str(getattr(error, "message", error))
    if isinstance(error, MemoryError) or "CUDA" in str(error):
        return OUT_OF_RESOURCES, "Out of resources"
    return None


def _not_one_each(returned: Any, count: int) -> str:
    found = type(returned).__name__
    if isinstance(returned, list):
        found = f"a list of {len(returned)}"
    return (
        f"the handler must return a list with one answer for each of {count} requests, not {found}"
    )


def _gpu_id(device: str | None) -> int | None:
    """Return the number of the GPU that a model is on; ``None`` on the CPU.

    Raises:
        DeviceError: It is not on this machine.
    """
    asked = parse_device(device)
    if asked.kind == "cpu":
        return None
    chosen = choose_device(asked, _cuda_devices(), NO_CUDA).place
    return chosen.index if chosen.kind == "cuda" else None


def _cuda_devices() -> int:
    try:
        import torch
    except ImportError:
        return 0
    return torch.cuda.device_count()
