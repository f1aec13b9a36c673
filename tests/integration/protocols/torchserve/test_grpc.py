"""The gRPC services of TorchServe, called by what the service says of them by reflection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from tests.support import GUARD_S, RunningServer

INFERENCE = "org.pytorch.serve.grpc.inference.InferenceAPIsService"
MANAGEMENT = "org.pytorch.serve.grpc.management.ManagementAPIsService"
Client = Callable[..., Any]


@pytest.fixture(scope="module")
def call(server: RunningServer) -> Iterator[Client]:
    """Calls a method by its name; returns its response, or its responses."""
    with server.channel() as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))

        def run(service: str, name: str, **fields: Any) -> Any:
            method = pool.FindServiceByName(service).methods_by_name[name]
            request, response = (
                GetMessageClass(one) for one in (method.input_type, method.output_type)
            )
            ways: tuple[Any, Any] = (channel.unary_unary, channel.unary_stream)
            if method.client_streaming:
                ways = (channel.stream_unary, channel.stream_stream)
            rpc = ways[method.server_streaming](
                f"/{service}/{name}",
                request_serializer=request.SerializeToString,
                response_deserializer=response.FromString,
            )
            sent = request(**fields)
            return rpc(iter([sent]) if method.client_streaming else sent, timeout=GUARD_S)

        yield run


def predict(call: Client, model: str, version: str = "", **values: bytes) -> bytes:
    response = call(INFERENCE, "Predictions", model_name=model, model_version=version, input=values)
    prediction: bytes = response.prediction
    return prediction


def refusal(run: Callable[[], Any]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as raised:
        run()
    return raised.value.code(), raised.value.details() or ""


@pytest.mark.parametrize("version", ["", "1.0"])
def test_predictions(call: Client, expected: tuple[Path, list[float]], version: str) -> None:
    answer = predict(call, "eager", version, data=b"[1, 2, 3]")
    assert json.loads(answer) == pytest.approx(expected[1])


def test_a_handler_gets_named_bytes(call: Client) -> None:
    described = json.loads(predict(call, "cases", case=b"describe", file=b"\xff"))
    assert described["values"]["file"] == ["bytearray", "/w=="]
    assert predict(call, "cases", case=b"bytes") == b"\x89PNG"
    assert predict(call, "cases", case=b"text") == "h\u00e9".encode()


def test_pieces_are_messages(call: Client) -> None:
    streamed = call(INFERENCE, "StreamPredictions", model_name="cases", input={"case": b"pieces"})
    assert [piece.prediction for piece in streamed] == [b"a", b"b", b"c"]
    assert predict(call, "cases", case=b"pieces") == b"abc"


@pytest.mark.parametrize(
    ("model", "values", "code", "text"),
    [
        ("none", {}, grpc.StatusCode.NOT_FOUND, "none"),
        ("", {}, grpc.StatusCode.INVALID_ARGUMENT, "the name of the model is missing"),
        ("cases", {"case": b"raise"}, grpc.StatusCode.INTERNAL, "ValueError: broken"),
        ("cases", {"case": b"fail"}, grpc.StatusCode.INTERNAL, "refused by the handler"),
    ],
)
def test_failures(
    call: Client, model: str, values: dict[str, bytes], code: grpc.StatusCode, text: str
) -> None:
    for name in ("Predictions", "StreamPredictions"):
        fields = {"model_name": model, "input": values}

        def run(name: str = name, fields: dict[str, Any] = fields) -> None:
            answer = call(INFERENCE, name, **fields)
            list(answer) if name == "StreamPredictions" else answer

        found = refusal(run)
        assert found[0] == code
        assert text in found[1]


def test_health_and_models(call: Client) -> None:
    assert json.loads(call(INFERENCE, "Ping").health) == {"status": "Healthy"}
    page = json.loads(call(MANAGEMENT, "ListModels", limit=1, next_page_token=1).msg)
    assert page["nextPageToken"] == "2"
    assert [model["modelName"] for model in page["models"]] == ["eager"]
    (model,) = json.loads(call(MANAGEMENT, "DescribeModel", model_name="eager").msg)
    assert (model["modelVersion"], model["batchSize"]) == ("1.0", 4)
    found = refusal(lambda: call(MANAGEMENT, "DescribeModel", model_name="none"))
    assert found[0] == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("service", "name", "text"),
    [
        (MANAGEMENT, "RegisterModel", "grpst model"),
        (MANAGEMENT, "ScaleWorker", "inference.yml"),
        (INFERENCE, "StreamPredictions2", "call StreamPredictions"),
    ],
)
def test_what_is_refused(call: Client, service: str, name: str, text: str) -> None:
    code, details = refusal(lambda: list(call(service, name)))
    assert code == grpc.StatusCode.UNIMPLEMENTED
    assert text in details
