"""Where the answers to recorded requests differ from upstream's, on purpose."""

from __future__ import annotations

from typing import Any

OK = {"code": 200, "msg": "OK", "status": "SUCCESS"}


def message(**data: Any) -> dict[str, Any]:
    """A successful answer."""
    return {"status": OK, **data}


NOT_REPLAYED = {
    "stream-": "replayed with the other projects",
    "grpc-stream-str": "replayed with the other projects",
    "grpc-stream-unknown-model": "replayed with the other projects",
    "grpc-stream-errctx": "replayed with the other projects",
    "grpc-stream-mid-": "replayed with the other projects",
    "grpc-predict-large": "its bytes were not recorded",
}
"""Records by the start of their name, and why they are left out."""

EMPTY_TENSOR = {"dtype": "DT_FLOAT32", "shape": [0]}

HTTP_SUCCESS: dict[str, Any] = {
    "predict-str-empty": {"str_data": ""},
    "predict-ndarray-empty": {"gtensors": {"tensors": [EMPTY_TENSOR]}},
    "predict-gtensor-empty-obj": {},
    "predict-octet-charset": b"abc",
    "predict-ct-charset": {"str_data": "x"},
    "predict-int32-ret-ndarray": {"model": "", "ndarray": [2]},
}
"""Requests that upstream refuses and we serve: the answer, JSON without its status."""

HTTP_FAILURE = {
    "health-unknown": (404, "no route /grps/v1/health/nope; "),
    "predict-str-number": (400, "str_data: expected a string, got a number"),
    "predict-ndarray-ragged": (400, "ndarray is ragged: "),
    "predict-gtensor-out-of-range": (400, "4294967296 is out of range for int32"),
    "predict-gtensor-wrong-type": (400, "gtensors: expected an object, got a string"),
    "predict-gmap-bad-b64": (400, '"!!!" is not base64'),
    "predict-bindata-json": (400, "bin_data is not accepted in JSON: "),
    "predict-ct-text": (415, "Unsupported content type. Send application/json or "),
    "predict-json-string": (400, "expected a JSON object as the body, got a string"),
    "predict-json-invalid-utf8": (400, "the body is not valid UTF-8 at byte 13"),
    "predict-get": (405, "GET is not allowed here; use "),
    "predict-put": (405, "PUT is not allowed here; use "),
    "monitor-series-post": (405, "POST is not allowed here; use "),
    "model-nonstring": (400, "model: expected a string, got a number"),
    "model-returns-none": (500, "Output type must be GrpsMessage. The model returned None"),
    "model-raises": (500, "ValueError: boom from inferer (request id "),
    "model-converter-wrong-input": (500, "IndexError: list index out of range (request id "),
    "meta-model-array": (400, "expected a JSON object as the body, got a list"),
    "meta-model-no-ct": (415, "send JSON with Content-Type: application/json"),
}
"""Failures that we tell better: HTTP status and a part of the message."""

GRPC_FAILURE = {
    "grpc-predict-model-unknown": (404, "Model nope-1.0.0 not found; models: "),
    "grpc-predict-none-ret": (500, "Output type must be GrpsMessage. The model returned None"),
    "grpc-predict-nonmsg": (500, "Output type must be GrpsMessage. The model returned "),
    "grpc-predict-raises": (500, "ValueError: boom from inferer (request id "),
}
"""Failures that we tell better: status code and a part of the message."""

GRPC_SAME_AS = {
    "grpc-ready-initial": "grpc-ready-after-online",
    "grpc-meta-model-versioned": "grpc-meta-model",
}
"""Calls answered as another record was: ready once loaded; one name is as good as the other."""

GRPC_SERVING = "grpc-health-std"
"""The standard health service, which upstream does not have."""

GRPC_REFLECTION = "grpc-reflection"
"""Reflection, which upstream does not have: it answers an empty request."""

STREAMED_HTTP_FAILURE: dict[str, tuple[int, Any]] = {
    # Failures that happen before the first chunk have a status of their own.
    "stream-empty-body": (400, "The http body is empty."),
    "stream-malformed": (400, "line 1"),
    "stream-unknown-model": (404, "Model nope not found"),
    "stream-raise-inferer": (500, "ValueError: boom from inferer"),
    "stream-bad-ct": (415, "Unsupported content type."),
    # Failures of customized HTTP are plain text of one line.
    "custom-resp-badtype": (500, "ValueError: http_response should be str, bytes, tuple("),
    "custom-resp-err": (500, "custom ctx err\n"),
    "custom-resp-raise": (500, "ValueError: boom custom"),
    "custom-model-unknown": (404, "Model nope not found"),
    "custom-put": (405, "PUT is not allowed here"),
    "custom-p-describe-get": (405, "GET is not allowed here"),
    "batch-noconv-raise": (500, "ValueError: boom in batch"),
    "dag-name-as-model": (404, "Model two not found"),
}
"""Failures that we tell better: HTTP status and a part of the body."""

HTTP_STREAMS: dict[str, list[Any]] = {
    # Upstream loses what is still queued when the model returns; we do not.
    "stream-str": [message(str_data=piece) for piece in "abc"],
    "stream-TRUE": [message(str_data=piece) for piece in "ab"],
    "stream-gtensors": [
        message(
            gtensors={
                "tensors": [{"dtype": "DT_FLOAT32", "shape": [2], "flat_float32": [2.0, 4.0]}]
            }
        )
    ]
    * 2,
    # Upstream drops what user code returns, even if it has streamed nothing.
    "batch-stream": [message(str_data="x")],
    "customnb-stream-header": [message(str_data=piece) for piece in "ab"],
}
"""Streams of JSON messages that upstream cuts short or drops, whole."""

RAW_STREAMS: dict[str, bytes] = {
    # Upstream sends the text of a Python literal.
    "stream-octet": b"\x00\x01\xff" * 2,
    "custom-stream-body-true": b"data: 0\n\ndata: 1\n\ndata: 2\n\ndata: bytes\n\n",
}
"""Streams of bytes, whole."""

GRPC_STREAMS: dict[str, list[dict[str, Any]]] = {
    "grpc-stream-str": [message(str_data=piece) for piece in "abc"],
    "grpc-batch-stream": [message(str_data="batch=1")],
}
"""Streams that upstream cuts short or drops, whole."""

STREAMED_GRPC_FAILURE = {
    "grpc-stream-unknown-model": (404, "Model nope not found"),
    "grpc-custom-body-project": (500, "AttributeError: 'NoneType' object has no attribute 'args'"),
}
"""Failures that we tell better: status code and a part of the message."""
