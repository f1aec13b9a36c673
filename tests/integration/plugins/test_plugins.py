"""Models that a plugin in C++ runs, over HTTP and gRPC."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
import yaml

from grps.dashboard import dashboard_page
from grps.deploy.native import PROGRAM
from grps.protocol.pb.grps_pb2 import DataType, GenericTensor, GenericTensorData, GrpsMessage
from tests.integration.plugins.conftest import plugin_model
from tests.support import (
    GUARD_S,
    START_TIMEOUT_S,
    RunningServer,
    launch,
    serving,
    state_of,
    wait_until,
    write_project,
)

OTHERS = ("upper", "count", "look", "echo", "throw", "lie", "data", "sum")
"""Inferers of the plugin that need no configuration of their own."""


@pytest.fixture(
    scope="module",
    params=product([None, PROGRAM], ["thread", "process"]),
    ids=["python-thread", "python-process", "native-thread", "native-process"],
)
def place(request: pytest.FixtureRequest) -> tuple[Path | None, str]:
    """Return the program that serves, none for Python, and where copies run."""
    program, isolation = request.param
    return program, isolation


@pytest.fixture(scope="module")
def server(
    place: tuple[Path | None, str], tmp_path_factory: pytest.TempPathFactory, library: Path
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("plugins")
    batching = {"type": "dynamic", "max_batch_size": 8}
    program, isolation = place
    models = [
        plugin_model(
            "multiply",
            library,
            inferer_args={"factor": 3, "label": "é"},
            device="cpu",
            batching=batching,
            instances=2,
            isolation=isolation,
        ),
        *(plugin_model(name, library, isolation=isolation) for name in OTHERS),
        plugin_model("again", library, inferer_name="data", isolation=isolation),
    ]
    write_project(folder, models, dag=["multiply-1.0.0"])
    nodes = [{"name": name, "type": "model", "model": name} for name in ("data", "again")]
    file = folder / "conf" / "inference.yml"
    graphs = [{"type": "sequential", "name": "twice", "nodes": nodes}]
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "graphs": graphs}))
    with serving(folder, program) as running:
        yield running


def floats(*values: float) -> GrpsMessage:
    tensor = GenericTensor(
        name="x", dtype=DataType.DT_FLOAT32, shape=[len(values), 1], flat_float32=values
    )
    return GrpsMessage(gtensors=GenericTensorData(tensors=[tensor]))


def test_an_array_is_multiplied(server: RunningServer) -> None:
    answer = server.post({"ndarray": [[1, 2.5]]}, "?return-ndarray=true")
    assert answer.json()["ndarray"] == [[3.0, 7.5]]
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
    url = server.url("/v2/models/multiply/infer")
    output = requests.post(url, json=body, timeout=GUARD_S).json()["outputs"][0]
    assert (output["name"], output["shape"], output["data"]) == ("y", [1, 2], [3.0, 6.0])


def test_tensors_over_grpc(server: RunningServer) -> None:
    with server.stub() as stub:
        (tensor,) = stub.Predict(floats(1, 2)).gtensors.tensors
        assert (tensor.name, list(tensor.shape)) == ("y", [2, 1])
        assert list(tensor.flat_float32) == [3, 6]
        text = GenericTensor(name="text", dtype=DataType.DT_STRING, shape=[1], flat_string=["ab"])
        message = GrpsMessage(model="upper", gtensors=GenericTensorData(tensors=[text]))
        assert list(stub.Predict(message).gtensors.tensors[0].flat_string) == ["AB"]


def test_messages(server: RunningServer) -> None:
    body = {"gmap": {"s_i32": {"a": 1}}}
    answer = server.post(body, "?model=echo").json()
    assert answer["gmap"] == body["gmap"]
    with server.stub() as stub:
        message = GrpsMessage(model="echo", str_data="hello")
        assert [chunk.str_data for chunk in stub.PredictStreaming(message)] == ["hello"] * 2


def test_requests_that_wait_share_a_batch_and_both_instances_run(
    server: RunningServer, place: tuple[Path | None, str]
) -> None:
    with server.stub() as stub:
        asked = [stub.Predict.future(floats(number)) for number in range(200)]
        for number, answer in enumerate(asked):
            assert list(answer.result(GUARD_S).gtensors.tensors[0].flat_float32) == [3 * number]
    log = server.log()
    for index in range(2):
        # Python's logging has no field for the thread of a worker.
        assert f'logger="multiply-1.0.0#{index}"' in log or place == (None, "process")
    assert """created for multiply-1.0.0 on 'cpu' by {"factor": 3, "label": "é"}""" in log


def test_chunks_over_http_and_grpc(server: RunningServer) -> None:
    body = {"ndarray": [3]}
    headers = {"Accept": "application/x-ndjson"}
    got = server.post(body, "?model=count&streaming=true", headers=headers)
    lines = [json.loads(line) for line in got.text.splitlines() if line]
    numbers = [line["gtensors"]["tensors"][0]["flat_float32"] for line in lines]
    assert numbers == [[0.0], [1.0], [2.0]]
    message = floats(2)
    message.model = "count"
    with server.stub() as stub:
        chunks = list(stub.PredictStreaming(message, timeout=GUARD_S))
    assert [chunk.gtensors.tensors[0].flat_float32[0] for chunk in chunks] == [0, 1]
    refused = server.post(body, "?model=count")
    assert refused.status_code == 400
    assert refused.json()["status"]["msg"].startswith("this model answers in chunks; request")


def test_a_stream_ends_when_its_client_leaves(server: RunningServer) -> None:
    message = floats(-1)
    message.model = "count"
    with server.stub() as stub:
        endless = stub.PredictStreaming(message, metadata=[("x-request-id", "leaving")])
        next(endless)
        endless.cancel()
        with pytest.raises(grpc.RpcError):
            next(endless)
    wait_until(lambda: "the client of leaving left" in server.log(), "the end of the stream")


def test_a_request_is_seen_with_its_id_and_deadline(server: RunningServer) -> None:
    headers = {"X-Request-Id": "an-id", "X-Request-Timeout-Ms": "20000"}
    answer = server.post({"ndarray": [[5]]}, "?model=look", headers=headers).json()
    seen, identifier = answer["gtensors"]["tensors"]
    # one request, its first row and how many, with a deadline, no stream, not cancelled
    assert seen["flat_int64"] == ["1", "0", "1", "1", "0", "0"]
    assert identifier["flat_string"] == ["an-id"]
    refused = server.post({"ndarray": [[-1]]}, "?model=look")
    assert (refused.status_code, refused.json()["status"]["msg"]) == (422, "too small")


def test_failures_have_their_status_and_a_broken_inferer_is_created_again(
    server: RunningServer, place: tuple[Path | None, str]
) -> None:
    def fail(number: int, model: str = "throw") -> tuple[int, str]:
        headers = {"X-Request-Id": "r"}
        answer = server.post({"ndarray": [[number]]}, f"?model={model}", headers=headers)
        return answer.status_code, answer.json()["status"]["msg"]

    assert fail(0) == (404, "no such label")
    assert fail(1) == (500, "it went wrong (request id r)")
    assert fail(3) == (500, "an exception that is no std::exception (request id r)")
    assert fail(2) == (500, "the device is lost (request id r)")
    assert fail(1) == (500, "it went wrong (request id r)")
    assert fail(0, "lie") == (500, "output 'y': dimension 1 is -4 (request id r)")
    models = requests.get(server.url("/grps/v1/admin/models"), timeout=GUARD_S).json()["models"]
    (thrower,) = [model for model in models if model["model"] == "throw-1.0.0"]
    (instance,) = thrower["instances"]
    expected = {"name": "throw-1.0.0#0", "state": "alive", "restarts": 1}
    if place[1] == "process":
        reason = "has ended with exit code 1"
        expected = {**expected, "reason": reason, "pid": instance["pid"]}
    assert (instance, thrower["isolation"]) == (expected, place[1])


def test_user_data_goes_on_to_the_next_model_and_is_released(
    server: RunningServer, place: tuple[Path | None, str]
) -> None:
    def ask(number: int, model: str, **headers: str) -> requests.Response:
        return server.post({"ndarray": [[number]]}, f"?model={model}", headers=headers)

    def number_of(answer: requests.Response) -> float:
        return float(answer.json()["gtensors"]["tensors"][0]["flat_float32"][0])

    if place[1] == "thread":
        assert number_of(ask(7, "twice")) == 70.0
    else:
        refused = ask(7, "twice").json()["status"]["msg"]
        assert refused.startswith(
            "user_data: an earlier model put its user data into another process"
        )
    late = ask(1000, "twice", **{"X-Request-Timeout-Ms": "50"})
    assert late.status_code == 504
    wait_until(lambda: number_of(ask(-1, "data")) == 0, "the release of all user data")


def test_a_signature_of_a_plugin_in_threads(server: RunningServer) -> None:
    metadata = requests.get(server.url("/v2/models/sum"), timeout=GUARD_S).json()
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
    # An array of integers becomes what the signature says.
    answer = server.post({"ndarray": [[1, 2]]}, "?model=sum&return-ndarray=true")
    assert answer.json()["ndarray"] == [3.0]


def test_the_level_of_the_log_is_changed(server: RunningServer) -> None:
    url = server.url("/grps/v1/admin/log-level")
    changed = requests.post(url, params={"level": "debug"}, timeout=GUARD_S)
    assert changed.json() == {"before": "info", "level": "debug"}
    changed = requests.post(url, params={"level": "info"}, timeout=GUARD_S)
    assert changed.json() == {"before": "debug", "level": "info"}


def test_both_servers_have_the_same_page(server: RunningServer) -> None:
    assert server.post({"ndarray": [[1]]}).status_code == 200
    page = requests.get(server.url("/"), timeout=GUARD_S)
    assert page.content == dashboard_page(server.folder.name)


def test_metrics_of_a_plugin(server: RunningServer) -> None:
    server.post({"ndarray": [[1]]})

    def is_counted() -> bool:
        page = requests.get(server.url("/metrics"), timeout=GUARD_S).text
        return 'grps_user_increments_total{name="rows-of-a-plugin"}' in page

    wait_until(is_counted, "a metric of the plugin")


def test_a_reload_creates_the_inferer_by_the_configuration_of_then(
    server: RunningServer, library: Path
) -> None:
    file = server.folder / "conf" / "inference.yml"
    text = file.read_text()
    url = server.url("/grps/v1/admin/models/multiply/reload")

    def reload_with(factor: int) -> requests.Response:
        document = yaml.safe_load(text)
        document["models"][0]["inferer_args"]["factor"] = factor
        file.write_text(yaml.safe_dump(document))
        return requests.post(url, timeout=GUARD_S)

    try:
        assert reload_with(5).status_code == 200
        assert server.post({"ndarray": [[1]]}, "?return-ndarray=true").json()["ndarray"] == [[5.0]]
        refused = reload_with(0)
        assert refused.status_code == 500
        cause = "model multiply-1.0.0: inferer 'multiply': the factor is 0"
        assert refused.json()["status"]["msg"] == cause
        assert server.post({"ndarray": [[1]]}, "?return-ndarray=true").json()["ndarray"] == [[5.0]]
    finally:
        file.write_text(text)
        assert requests.post(url, timeout=GUARD_S).status_code == 200


@pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])
@pytest.mark.parametrize(
    ("keys", "cause"),
    [
        ({"inferer_name": "other"}, "{path}: it has no inferer 'other'; it has: multiply, lend, "),
        ({"inferer_args": {"factor": 0}}, "inferer 'multiply': the factor is 0"),
        ({"inferer_path": "conf/inference.yml"}, "{folder}/conf/inference.yml: it can't be loaded"),
        (
            {"inferer_name": "echo", "batching": {"type": "dynamic", "allowed_sizes": [16]}},
            "allowed_sizes and padding need tensors, but inferer 'echo' takes whole messages",
        ),
        ({"inferer_path": "./gone.so"}, "{folder}/gone.so: no such file; build the plugin first"),
    ],
)
def test_what_keeps_a_plugin_from_being_loaded(
    tmp_path: Path, library: Path, keys: dict[str, Any], cause: str, program: Path | None
) -> None:
    write_project(tmp_path, [plugin_model("multiply", library, **keys)])
    process = launch(tmp_path, program)
    assert process.wait(START_TIMEOUT_S) == 1
    state = state_of(tmp_path)
    assert state is not None
    expected = cause.format(path=library, folder=tmp_path)
    assert str(state.error).startswith(f"model multiply-1.0.0: {expected}")
