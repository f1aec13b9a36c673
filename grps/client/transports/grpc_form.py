"""The messages of the two services over gRPC, apart from sending them."""

from __future__ import annotations

import functools
from typing import Protocol

from grps.client.call import Call, split_version
from grps.client.errors import CallError, InvalidRequest
from grps.client.messages import grps_protobuf, oip_tensors, wire
from grps.client.messages.content import Content, Tensors, tensors_of
from grps.client.result import Result
from grps.client.transports.base import Description
from grps.client.transports.descriptions import read_yaml
from grps.client.transports.oip_http import NO_DEFAULT

UNAVAILABLE = 503


class GrpcForm(Protocol):
    """The methods and messages of one service.

    What reads a message raises ``CallError`` for one that reports a failure.
    """

    predict_method: str
    stream_method: str | None
    ready_method: str
    metadata_method: str

    def predict(self, call: Call) -> bytes:
        """Return the message of a call."""

    def result(self, message: bytes) -> Result:
        """Read the response to a call, or a piece of it."""

    def is_ready(self, message: bytes) -> bool:
        """Read whether the service is ready."""

    def metadata(self, model: str) -> bytes:
        """Return the message that asks for the description of a model."""

    def description(self, message: bytes) -> Description:
        """Read the description of a model."""


class GrpsGrpcForm:
    """``grps.protos.v1.GrpsService``."""

    predict_method = "/grps.protos.v1.GrpsService/Predict"
    stream_method: str | None = "/grps.protos.v1.GrpsService/PredictStreaming"
    ready_method = "/grps.protos.v1.GrpsService/CheckReadiness"
    metadata_method = "/grps.protos.v1.GrpsService/ModelMetadata"

    def predict(self, call: Call) -> bytes:
        """Return the message of a call."""
        return grps_protobuf.encode(call.content, call.model)

    def result(self, message: bytes) -> Result:
        """Read the response to a call, or a piece of it."""
        return Result(functools.partial(grps_protobuf.decode, grps_protobuf.parse(message)))

    def is_ready(self, message: bytes) -> bool:
        """Read whether the service is ready."""
        try:
            grps_protobuf.parse(message)
        except CallError as error:
            if error.code == UNAVAILABLE:
                return False
            raise
        return True

    def metadata(self, model: str) -> bytes:
        """Return the message that asks for the description of a model."""
        return wire.text(_STR_DATA, model)

    def description(self, message: bytes) -> Description:
        """Read the description of a model."""
        return read_yaml(self.result(message).text)


_STR_DATA = 4
"""Field of ``GrpsMessage``."""
_NAME, _VERSION, _INPUTS, _RAW_INPUTS = 1, 2, 5, 7
"""Fields of ``ModelInferRequest``; ``ModelMetadataRequest`` has the first two as well."""
_OUTPUTS, _RAW_OUTPUTS = 5, 6
"""Fields of ``ModelInferResponse``."""
_TENSOR_NAME, _DATATYPE, _SHAPE = 1, 2, 3
"""Fields of a tensor in all messages."""


class OipGrpcForm:
    """``inference.GRPCInferenceService``.

    Its messages are encoded here: generated code would claim names in the package ``inference``
    that clients of other servers claim in the same process.
    """

    predict_method = "/inference.GRPCInferenceService/ModelInfer"
    stream_method: str | None = None
    ready_method = "/inference.GRPCInferenceService/ServerReady"
    metadata_method = "/inference.GRPCInferenceService/ModelMetadata"

    def predict(self, call: Call) -> bytes:
        """Return the message of a call."""
        parts = [_model(call.model)]
        raw: list[bytes | memoryview] = []
        for name, array in tensors_of(call.content).items:
            datatype, elements = oip_tensors.encode(array)
            shape = b"".join(wire.varint(size) for size in array.shape)
            tensor = wire.text(_TENSOR_NAME, name) + wire.text(_DATATYPE, datatype)
            parts.append(wire.data(_INPUTS, tensor + wire.data(_SHAPE, shape)))
            raw += [wire.head(_RAW_INPUTS, len(elements)), elements]
        return b"".join([*parts, *raw])

    def result(self, message: bytes) -> Result:
        """Read the response to a call."""
        return Result(functools.partial(_decode, memoryview(message)))

    def is_ready(self, message: bytes) -> bool:
        """Read whether the service is ready."""
        return any(field == 1 and value == 1 for field, value in wire.fields(memoryview(message)))

    def metadata(self, model: str) -> bytes:
        """Return the message that asks for the description of a model."""
        return _model(model)

    def description(self, message: bytes) -> Description:
        """Read the description of a model."""
        return _description(memoryview(message))


def _model(model: str) -> bytes:
    if not model:
        raise InvalidRequest(NO_DEFAULT)
    name, version = split_version(model)
    return wire.text(_NAME, name) + wire.text(_VERSION, version)


def _decode(message: memoryview) -> Content:
    tensors, raw = [], []
    for field, value in wire.fields(message):
        if field == _OUTPUTS:
            tensors.append(_tensor(wire.content(value)))
        elif field == _RAW_OUTPUTS:
            raw.append(wire.content(value))
    if len(raw) != len(tensors):
        raise CallError(f"the response has {len(tensors)} outputs and data of {len(raw)}", 502)
    return Tensors(
        tuple(
            (name, oip_tensors.decode(datatype, shape, elements))
            for (name, datatype, shape), elements in zip(tensors, raw, strict=True)
        )
    )


def _tensor(message: memoryview) -> tuple[str, str, list[int]]:
    name, datatype, shape = "", "", list[int]()
    for field, value in wire.fields(message):
        if field == _TENSOR_NAME:
            name = wire.string(value)
        elif field == _DATATYPE:
            datatype = wire.string(value)
        elif field == _SHAPE:
            shape += [size - (1 << 64) if size >> 63 else size for size in wire.varints(value)]
    return name, datatype, shape


_TEXTS = {1: "name", 3: "platform"}
_TENSORS = {4: "inputs", 5: "outputs"}
_VERSIONS = 2
"""Fields of ``ModelMetadataResponse``."""


def _description(message: memoryview) -> Description:
    found: Description = {"name": "", "versions": [], "platform": "", "inputs": [], "outputs": []}
    for field, value in wire.fields(message):
        if field == _VERSIONS:
            found["versions"].append(wire.string(value))
        elif field in _TEXTS:
            found[_TEXTS[field]] = wire.string(value)
        elif field in _TENSORS:
            name, datatype, shape = _tensor(wire.content(value))
            tensor = {"name": name, "datatype": datatype, "shape": shape}
            found[_TENSORS[field]].append(tensor)
    return found
