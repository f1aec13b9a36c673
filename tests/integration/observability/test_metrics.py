"""What a service measures of its requests, against what its clients know of them."""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_plain

from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.support import RunningServer, serving, user_model, wait_until, write_user_project

REPOSITORY = Path(__file__).parents[3]
OPEN_METRICS = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
CODE = """
import os
import signal
import time

from grps import Converter, ModelInferer, converter_register, inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Steps(Converter):
    def init(self, path=None, args=None):
        pass

    def preprocess(self, inp, context):
        before, self.during, self.after = map(float, inp.str_data.split())
        time.sleep(before)
        return inp

    def postprocess(self, inp, context):
        time.sleep(self.after)
        return inp


class Timed(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context):
        words = inp.str_data.split()
        if words[0] == "fail":
            raise ValueError("as told")
        if words[0] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if words[0] == "wait":
            while not context.if_disconnected():
                time.sleep(0.002)
        time.sleep(float(words[1]) if len(words) > 1 else 0)
        for chunk in words[2:] if context.if_streaming() else ():
            context.stream_respond(GrpsMessage(str_data=chunk))
        return GrpsMessage(str_data=inp.str_data)

    def batch_infer(self, inps, contexts):
        return [self.infer(inp, context) for inp, context in zip(inps, contexts)]


converter_register.register("steps", Steps())
inferer_register.register("timed", Timed())
"""
STEPS = {"converter_type": "customized", "converter_name": "steps"}


def timed(name: str, **settings: Any) -> dict[str, Any]:
    return {**user_model("timed"), "name": name, **settings}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("metrics")
    window = {"type": "dynamic", "max_batch_size": 4, "wait": "always", "batch_timeout_us": 30_000}
    models = [
        timed("plain"),
        timed("steps", **STEPS),
        timed("apart", isolation="process", **STEPS),
        timed("window", batching=window),
        timed("narrow", max_threads=1, queue={"max_length": 1}),
    ]
    limits = {"limits": {"max_request_bytes": 100_000}}
    write_user_project(folder, models, limits, code=CODE)
    with serving(folder) as running:
        yield running


def families(server: RunningServer) -> dict[str, Metric]:
    text = requests.get(server.url("/metrics"), headers=OPEN_METRICS, timeout=30).text
    return {family.name: family for family in read_open(text)}


def value(server: RunningServer, name: str, **labels: str) -> float:
    """The sum of all samples of a name that have these labels."""
    family = name.removesuffix("_total").removesuffix("_count").removesuffix("_sum")
    found = families(server).get(family)
    samples = found.samples if found is not None else []
    return sum(
        sample.value
        for sample in samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def requests_of(server: RunningServer, model: str, **labels: str) -> float:
    return value(server, "grps_requests_total", model=f"{model}-1.0.0", **labels)


def ask(server: RunningServer, model: str, text: str, **options: Any) -> requests.Response:
    return server.post({"str_data": text}, f"?model={model}", **options)


def live(server: RunningServer, model: str) -> dict[str, Any]:
    told = requests.get(server.url("/grps/v1/monitor/live"), timeout=30).json()
    return next(one for one in told["models"] if one["model"] == f"{model}-1.0.0")


@pytest.mark.parametrize(
    ("read", "headers", "version"),
    [(read_open, OPEN_METRICS, "1.0.0"), (read_plain, {}, "0.0.4")],
)
def test_both_formats_are_well_formed(
    server: RunningServer, read: Any, headers: dict[str, str], version: str
) -> None:
    ask(server, "plain", "x", headers={"X-Request-Id": "exemplary"})
    answer = requests.get(server.url("/metrics"), headers=headers, timeout=30)
    assert f"version={version}" in answer.headers["Content-Type"]
    found = {family.name: family.type for family in read(answer.text)}
    expected = {
        "grps_requests": "counter",
        "grps_request_duration_seconds": "histogram",
        "grps_model_queue_length": "gauge",
        "process_cpu_seconds": "counter",
    }
    assert expected.items() <= found.items()
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        check=False,
        input=answer.text,
        capture_output=True,
        text=True,
    )
    # Exemplars and units are not of the format that the checker reads.
    if version == "0.0.4":
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_help_texts_are_those_of_the_documentation(server: RunningServer) -> None:
    """The reference documents every metric in the words of its help text."""
    page = (REPOSITORY / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\| (.+) \|$", page, flags=re.MULTILINE)
    documented = {name: text.replace("`", "") for name, text in rows}
    served = families(server)
    endings = {"counter": "_total", "info": "_info"}
    for name, family in served.items():
        expected = documented[name + endings.get(family.type, "")]
        assert family.documentation == f"{expected}.", name
    assert len(served) > 35


def test_the_count_is_that_of_the_load_generator(server: RunningServer, tmp_path: Path) -> None:
    script = tmp_path / "post.lua"
    script.write_text(
        'wrk.method = "POST"\nwrk.body = \'{"str_data": "x"}\'\n'
        'wrk.headers["Content-Type"] = "application/json"\n'
    )
    before = requests_of(server, "plain", status="200")
    url = server.url() + "?model=plain"
    command = ["wrk", "-t1", "-c8", "-d2s", "-s", str(script), url]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"(\d+) requests in", printed)
    assert found is not None
    sent = int(found[1])
    in_flight = {"model": "plain-1.0.0"}
    wait_until(lambda: value(server, "grps_requests_in_flight", **in_flight) == 0, "none in flight")
    counted = requests_of(server, "plain", status="200") - before
    # The generator does not count the answers that its connections still wait for at its end.
    assert sent <= counted <= sent + 8
    assert value(server, "grps_model_calls_total", model="plain-1.0.0", outcome="ok") >= counted


def test_percentiles_lie_between_the_models_and_the_clients(server: RunningServer) -> None:
    sleeps = [0.002 * (1 + number % 10) for number in range(60)]
    measured = []
    for sleep in sleeps:
        began = time.perf_counter()
        assert ask(server, "narrow", f"sleep {sleep}").status_code == 200
        measured.append(1000 * (time.perf_counter() - began))
    wait_until(lambda: live(server, "narrow")["minute"]["succeeded"] >= len(sleeps), "a tick")
    told = live(server, "narrow")["minute"]["duration"]
    for percent, key in ((50, "p50_ms"), (90, "p90_ms")):
        index = percent - 1
        longest = statistics.quantiles(measured, n=100, method="inclusive")[index]
        slept = statistics.quantiles(sleeps, n=100, method="inclusive")[index]
        # The bound of the histogram is a sixteenth; ranks may differ by one.
        assert 0.9 * 1000 * slept <= told[key] <= longest * 17 / 16 + 2.5


def test_every_outcome_has_its_status(server: RunningServer) -> None:
    names = ("200", "400", "500")
    before = {status: requests_of(server, "plain", status=status) for status in names}
    assert ask(server, "plain", "x").status_code == 200
    assert ask(server, "plain", "fail").status_code == 500
    bad = server.post({"str_data": "x", "gtensors": 5}, "?model=plain")
    assert bad.status_code == 400
    assert requests_of(server, "plain", status="200") == before["200"] + 1
    assert requests_of(server, "plain", status="500") == before["500"] + 1
    # What can't be read has no model yet; neither has a name that nobody serves.
    unrouted = {"model": "", "protocol": "http"}
    assert value(server, "grps_requests_total", **unrouted, status="400") >= 1
    assert ask(server, "nobody", "x").status_code == 404
    assert value(server, "grps_requests_total", **unrouted, status="404") >= 1


def test_names_that_clients_make_up_make_no_series(server: RunningServer) -> None:
    ask(server, "made-up-0", "x")
    before = len(requests.get(server.url("/metrics"), timeout=30).text)
    for number in range(1, 40):
        ask(server, f"made-up-{number}", "x")
    after = requests.get(server.url("/metrics"), timeout=30).text
    assert "made-up" not in after
    assert len(after) < before + 2000


def test_a_full_queue_a_deadline_and_a_client_that_leaves_are_counted(
    server: RunningServer,
) -> None:
    in_time = {"X-Request-Timeout-Ms": "1500"}
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(ask, server, "narrow", "wait", headers=in_time)
        wait_until(lambda: live(server, "narrow")["in_flight"] == 1, "it runs")
        waiting = pool.submit(ask, server, "narrow", "x", headers=in_time)
        wait_until(lambda: live(server, "narrow")["queue_length"] == 1, "it waits")
        assert ask(server, "narrow", "x").status_code == 429
        assert running.result().status_code == 504
        assert waiting.result().status_code in {200, 504}
    with pytest.raises(requests.Timeout):
        requests.post(server.url() + "?model=narrow", json={"str_data": "wait"}, timeout=0.3)
    wait_until(lambda: requests_of(server, "narrow", status="499") == 1, "the client that left")
    assert requests_of(server, "narrow", status="429") == 1
    assert requests_of(server, "narrow", status="504") >= 1
    outcomes = {"model": "narrow-1.0.0", "outcome": "queue_full"}
    assert value(server, "grps_model_calls_total", **outcomes) == 1


@pytest.mark.parametrize("model", ["steps", "apart"])
def test_the_steps_of_a_converter_are_told_apart(server: RunningServer, model: str) -> None:
    answer = ask(server, model, "0.02 0.04 0.01", headers={"X-Grps-Timing": "true"})
    assert answer.status_code == 200, answer.text
    bars = read_timing(answer.headers["X-Grps-Timing"])
    key = f"{model}-1.0.0"
    assert bars[f"{key}/preprocess"]["dur"] >= 20
    assert bars[f"{key}/infer"]["dur"] >= 40
    assert bars[f"{key}/postprocess"]["dur"] >= 10
    total = bars["total"]["dur"]
    assert sum(bar["dur"] for name, bar in bars.items() if name != "total") <= total * 1.001
    stages = {"model": key, "stage": "preprocess"}
    assert value(server, "grps_model_stage_duration_seconds_sum", **stages) >= 0.02


def read_timing(header: str) -> dict[str, dict[str, float]]:
    bars = {}
    for part in header.split(", "):
        name, *fields = part.split(";")
        pairs = (field.split("=") for field in fields)
        bars[name] = {key: float(text) for key, text in pairs if key != "small"}
    return bars


def test_waiting_for_company_is_told_apart_from_waiting_for_an_instance(
    server: RunningServer,
) -> None:
    answer = ask(server, "window", "x", headers={"X-Grps-Timing": "true"})
    bars = read_timing(answer.headers["X-Grps-Timing"])
    assert bars["window-1.0.0/batch_wait"]["dur"] >= 25
    assert "small=timeout" in answer.headers["X-Grps-Timing"]
    reasons = {"model": "window-1.0.0", "reason": "timeout"}
    assert value(server, "grps_model_small_batches_total", **reasons) >= 1
    assert value(server, "grps_model_batch_rows_count", model="window-1.0.0") >= 1


def test_grpc_is_counted_and_timed(server: RunningServer) -> None:
    before = requests_of(server, "plain", protocol="grpc", status="200")
    with server.stub() as stub:
        message = GrpsMessage(model="plain-1.0.0", str_data="x")
        _, call = stub.Predict.with_call(message, metadata=(("x-grps-timing", "true"),))
        assert "plain-1.0.0/infer" in read_timing(dict(call.initial_metadata())["x-grps-timing"])
        failed = stub.Predict(GrpsMessage(model="plain-1.0.0", str_data="fail"))
        assert failed.status.code == 500
    assert requests_of(server, "plain", protocol="grpc", status="200") == before + 1
    assert requests_of(server, "plain", protocol="grpc", status="500") == 1
    assert value(server, "grps_received_bytes_total", protocol="grpc") > 0
    assert value(server, "grps_sent_bytes_total", protocol="grpc") > 0


def test_what_can_not_be_read_is_counted_by_either_protocol(server: RunningServer) -> None:
    large = "x" * 100_001
    assert ask(server, "plain", large).status_code == 413
    with server.stub() as stub:
        with pytest.raises(grpc.RpcError) as told:
            stub.Predict(GrpsMessage(model="plain-1.0.0", str_data=large))
        assert told.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        with pytest.raises(grpc.RpcError):
            message = GrpsMessage(model="plain-1.0.0", str_data="x")
            stub.Predict(message, metadata=(("x-grps-priority", "high"),))
    for protocol in ("http", "grpc"):
        labels = {"model": "", "protocol": protocol}
        assert value(server, "grps_requests_total", **labels, status="413") == 1
    assert value(server, "grps_requests_total", model="", protocol="grpc", status="400") == 1


def test_chunks_and_bytes_are_counted(server: RunningServer) -> None:
    labels = {"model": "plain-1.0.0", "protocol": "http"}
    names = ("grps_sent_chunks_total", "grps_sent_bytes_total", "grps_first_chunk_seconds_count")
    before = [value(server, name, **labels) for name in names]
    answer = ask(server, "plain&streaming=true", "say 0 one two three")
    assert answer.text.count("str_data") == 3
    chunks, sent, firsts = (
        value(server, name, **labels) - old for name, old in zip(names, before, strict=True)
    )
    assert (chunks, sent, firsts) == (3, len(answer.content), 1)


def test_a_restart_is_counted(server: RunningServer) -> None:
    assert ask(server, "apart", "0 0 0").status_code == 200
    before = value(server, "grps_model_instance_restarts_total", model="apart-1.0.0")
    told = requests.get(server.url("/grps/v1/admin/models"), timeout=30).json()["models"]
    (instance,) = next(one for one in told if one["model"] == "apart-1.0.0")["instances"]
    subprocess.run(["kill", "-9", str(instance["pid"])], check=True)

    def restarts() -> float:
        return value(server, "grps_model_instance_restarts_total", model="apart-1.0.0")

    wait_until(lambda: restarts() == before + 1, "the restart")


def test_the_slowest_and_the_failed_are_remembered(server: RunningServer) -> None:
    ask(server, "plain", "sleep 0.15", headers={"X-Request-Id": "the-slow-one"})
    ask(server, "plain", "fail", headers={"X-Request-Id": "the-failed-one"})
    told = requests.get(server.url("/grps/v1/monitor/requests"), timeout=30).json()
    slow = next(one for one in told["slowest"] if one["id"] == "the-slow-one")
    assert slow["duration_ms"] >= 150
    infer = next(bar for bar in slow["bars"] if bar["name"] == "plain-1.0.0/infer")
    assert infer["length_ms"] >= 150
    failed = next(one for one in told["failures"] if one["id"] == "the-failed-one")
    assert (failed["status"], failed["failure"]) == (500, "model_failed")
    assert failed["error"].endswith("(request id the-failed-one)")
    page = {"Sec-Fetch-Site": "cross-site"}
    seen = requests.get(server.url("/grps/v1/monitor/requests"), headers=page, timeout=30).json()
    assert all("error" not in one for one in seen["failures"])


def test_an_exemplar_leads_to_a_request(server: RunningServer) -> None:
    ask(server, "plain", "sleep 0.3", headers={"X-Request-Id": "slow-exemplar"})
    durations = families(server)["grps_request_duration_seconds"].samples
    exemplars = [sample.exemplar for sample in durations if sample.exemplar is not None]
    found = next(one for one in exemplars if one.labels.get("request_id") == "slow-exemplar")
    assert found.value >= 0.3


def test_trends_are_asked_for_by_span(server: RunningServer) -> None:
    url = server.url("/grps/v1/monitor/trends")
    for span, length in (("minute", 60), ("hour", 60), ("day", 24), ("month", 30)):
        told = requests.get(url, {"span": span, "name": ["*qps", "none"]}, timeout=30).json()
        assert len(told["*qps"]) == length
        assert told["none"] is None
    assert requests.get(url, {"span": "week", "name": "*qps"}, timeout=30).status_code == 400
    names = [("name", f"n{number}") for number in range(200)]
    assert requests.get(url, names, timeout=30).status_code == 200
    assert requests.get(url, [*names, ("name", "more")], timeout=30).status_code == 400
