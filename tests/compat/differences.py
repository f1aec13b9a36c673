"""Where the answers to recorded requests differ from upstream's, on purpose."""

from __future__ import annotations

from typing import Any

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
