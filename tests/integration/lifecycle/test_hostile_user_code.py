"""User code that fails in every way costs its own request: the instance and the service go on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.support import (
    GUARD_S,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)

CODE = r'''
import asyncio
import os
import sys
import threading

import numpy as np
from werkzeug.exceptions import HTTPException

from grps.errors import InputError
from grps.inference.inferer import ModelInferer
from grps.inference.monitor import app_monitor
from grps.inference.registry import inferer_register
from grps.log import clogger
from grps.protocol.pb.grps_pb2 import GrpsMessage, Status

HALF = "\ud83d"
print("printed at load", flush=True)


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class Leaving(Exception):
    def __str__(self):
        raise SystemExit("from a text")


class Odd(BaseException):
    pass


class OddAndMute(BaseException):
    def __str__(self):
        raise GeneratorExit

    __repr__ = __str__


class MuteHttpError(HTTPException):
    @property
    def code(self):
        sys.exit(3)


def half(context):
    raise ValueError(f"no such word: {HALF}")


def half_in_name(context):
    raise type(f"Bad{HALF}", (Exception,), {})("x")


def mute(context):
    raise Mute


def leaving(context):
    raise Leaving


def huge(context):
    raise ValueError("x" * 3_000_000)


def huge_cause(context):
    try:
        raise KeyError(HALF * 100_000)
    except KeyError as error:
        raise ValueError("outer") from error


def noted(context):
    error = ValueError("with a note")
    error.__notes__ = [HALF, Mute(), 5]
    raise error


def deep(context):
    return deep(context)


def message_of_no_text(context):
    context.set_err_msg(5)


def message_of_half(context):
    context.set_err_msg(f"half {HALF}")


def text_of_half(context):
    return GrpsMessage(str_data=HALF)


def no_message(context):
    return {"a": HALF}


def log_half(context):
    clogger.error("told %s", HALF)
    clogger.error("%d", "no number")
    clogger.error("%s", Mute())
    raise ValueError("logged")


def print_half(context):
    try:
        print(HALF)
    finally:
        raise ValueError("printed")


def bad_refusal(context):
    error = InputError("refused")
    error.status = "no status"
    raise error


def mute_http_error(context):
    raise MuteHttpError


def bad_http_status(context):
    error = HTTPException("no status")
    error.code = 99999
    raise error


def exit(context):
    sys.exit(3)


def interrupt(context):
    raise KeyboardInterrupt


def generator_exit(context):
    raise GeneratorExit


def cancelled(context):
    raise asyncio.CancelledError


def odd(context):
    raise Odd("odd")


def odd_and_mute(context):
    raise OddAndMute


def exit_at_once(context):
    sys.exit(3)
    yield


def exit_later(context):
    yield GrpsMessage(str_data="begun")
    sys.exit(3)


def exit_in_close(context):
    try:
        yield GrpsMessage(str_data="begun")
        yield "no message"
        yield GrpsMessage(str_data="more")
    finally:
        sys.exit(3)


def exit_in_cleanup(context):
    try:
        yield GrpsMessage(status=Status(status=Status.FAILURE, msg="SystemExit follows"))
        yield GrpsMessage(str_data="more")
    finally:
        sys.exit(3)


FAILING = (
    half, half_in_name, mute, leaving, huge, huge_cause, noted, deep, message_of_no_text,
    message_of_half, text_of_half, no_message, log_half, print_half, bad_refusal, mute_http_error,
    bad_http_status,
)
ENDING = (
    exit, interrupt, generator_exit, cancelled, odd, odd_and_mute, exit_at_once, exit_later,
    exit_in_close, exit_in_cleanup,
)


def echo(context):
    return GrpsMessage(str_data=str(os.getpid()))


def metrics(context):
    for value in (float("nan"), float("inf"), float("-inf"), 10**400, np.float32("nan")):
        for kind in ("avg", "max", "min", "inc", "cdf"):
            getattr(app_monitor, kind)(f"of_{kind}", value)
    app_monitor.inc(HALF, 1)
    app_monitor.inc("n" * 1_000_000, 1)
    app_monitor.inc("", 1)
    app_monitor.inc(f"of_{context.get_request_id()}", 2)
    return GrpsMessage(str_data="recorded")


def prints(context):
    print("one", "line")
    print("to the error stream", file=sys.stderr)
    print("begun ", end="")
    print("and ended")
    return GrpsMessage(str_data="printed")


def late(context):
    def send():
        done.wait()
        for _ in range(100):
            context.stream_respond(GrpsMessage(str_data="late"))
        late_ended.set()

    threading.Thread(target=send).start()
    return GrpsMessage(str_data="early")


def let_late_go_on(context):
    done.set()
    late_ended.wait(10)
    return GrpsMessage(str_data="on")


done, late_ended = threading.Event(), threading.Event()
OTHERS = (echo, metrics, prints, late, let_late_go_on)
KNOWN = {one.__name__: one for one in FAILING + ENDING + OTHERS}


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Sync(Plain):
    def infer(self, inp, context):
        return KNOWN[inp.str_data](context)


class Async(Plain):
    async def infer(self, inp, context):
        await asyncio.sleep(0)
        verb = inp.str_data
        if verb == "exit":
            sys.exit(3)
        if verb == "interrupt":
            raise KeyboardInterrupt
        if verb == "odd":
            raise Odd("odd")
        if verb == "cancelled":
            raise asyncio.CancelledError
        if verb == "cancel_all":
            for task in asyncio.all_tasks():
                task.cancel()
            await asyncio.sleep(10)
        if verb in ("task", "callback"):
            loop = asyncio.get_running_loop()
            if verb == "task":
                self.task = loop.create_task(self.leave())
            else:
                loop.call_soon(sys.exit, 3)
            await asyncio.sleep(0.01)
            return GrpsMessage(str_data="started")
        if verb == "stop_loop":
            asyncio.get_running_loop().stop()
            await asyncio.sleep(0.01)
            return GrpsMessage(str_data="stopped")
        return KNOWN[verb](context)

    async def leave(self):
        sys.exit(3)


class Arrays(Plain):
    """Returns an output of the kind that the number names."""

    def infer(self, inp, context):
        one = np.ones((1, 2), np.float32)
        other = np.ones((2, 1), np.float32)
        outputs = (
            one,
            {"y": one.astype(complex)},
            {"y": np.array([HALF], object)},
            {"y": np.array([HALF])},
            {HALF: one},
            {5: one},
            {"y": np.array([object()])},
            {"y": np.array(["2020-01-01"], "datetime64[D]")},
            {"y": one.astype(">f4")},
            {"y": np.array([(1, 2)], "i4,i4")},
            {"y": None},
            None,
            {"y": [np.str_("a"), b"c"]},
            {"y": np.array([np.str_("a"), "b"], object)},
            {"y": other.T},
            {"y": one[..., ::-1]},
        )
        return outputs[int(inp["x"].ravel()[0])]


class Gathered(Plain):
    """Prints what it runs, and fails."""

    def batch_infer(self, inps, contexts):
        return self.infer(inps, contexts)

    def infer(self, inp, contexts):
        texts = inp["x"].ravel().tolist() if isinstance(inp, dict) else [i.str_data for i in inp]
        print("runs", texts)
        raise ValueError(f"can't run {texts}")


class Leaves(Plain):
    """Ends the batch of which a text or number says so, and the request alone."""

    def batch_infer(self, inps, contexts):
        return self.infer(inps, contexts)

    def infer(self, inp, contexts):
        if isinstance(inp, dict):
            if (inp["x"] < 0).any():
                sys.exit(3)
            return {"y": inp["x"]}
        for one in inp:
            if one.str_data == "-1":
                raise Odd("odd")
        return list(inp)


for cls in (Sync, Async, Arrays, Gathered, Leaves):
    inferer_register.register(cls.__name__.lower(), cls())
'''
FAILING = (
    *("half", "half_in_name", "mute", "leaving", "huge", "huge_cause", "noted", "deep"),
    *("message_of_no_text", "message_of_half", "text_of_half", "no_message"),
    *("log_half", "print_half", "bad_refusal", "mute_http_error", "bad_http_status"),
)
ENDING = (
    *("exit", "interrupt", "generator_exit", "cancelled", "odd", "odd_and_mute"),
    *("exit_at_once", "exit_later", "exit_in_close", "exit_in_cleanup"),
)
KINDS = ("Exit", "Interrupt", "Odd", "Cancelled", "should be GrpsMessage")
LONGEST_MESSAGE = 5000
LONGEST_LINE = 100_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("hostile")
    models = [
        user_model("thread", inferer_name="sync"),
        user_model("process", inferer_name="sync", isolation="process"),
        user_model("async", inferer_name="async"),
    ]
    for isolation in ("thread", "process"):
        arrays = user_model(
            f"arrays_{isolation}",
            inferer_name="arrays",
            isolation=isolation,
            converter_type="numpy",
        )
        models.append(arrays)
        for converter in ("none", "numpy"):
            for inferer in ("gathered", "leaves"):
                gathered = user_model(
                    f"{inferer}_{converter}_{isolation}",
                    inferer_name=inferer,
                    isolation=isolation,
                    converter_type=converter,
                    batching={
                        "type": "dynamic",
                        "max_batch_size": 3,
                        "batch_timeout_us": 10_000_000,
                        "wait": "always",
                    },
                )
                models.append(gathered)
    write_user_project(folder, models, {"health": {"hang_timeout_ms": 10_000}}, code=CODE)
    with serving(folder, PYTHONUNBUFFERED="") as running:
        yield running


def ask(server: RunningServer, model: str, what: str, query: str = "") -> requests.Response:
    return server.post({"str_data": what, "model": model}, query)


def message(answer: requests.Response) -> str:
    return str(answer.json()["status"]["msg"])


def is_ready(server: RunningServer) -> bool:
    url = server.url("/grps/v1/health/ready")
    return requests.get(url, timeout=GUARD_S).status_code == 200


def restarts(server: RunningServer) -> int:
    told = requests.get(server.url("/grps/v1/admin/models"), timeout=GUARD_S).json()["models"]
    return sum(instance["restarts"] for model in told for instance in model["instances"])


@pytest.mark.parametrize("what", FAILING)
@pytest.mark.parametrize("model", ["thread", "process", "async"])
def test_a_failure_costs_its_request_only(server: RunningServer, model: str, what: str) -> None:
    failed = ask(server, model, what)
    assert failed.status_code == 500, failed.text
    assert 0 < len(message(failed)) < LONGEST_MESSAGE
    assert ask(server, model, "echo").status_code == 200
    assert is_ready(server)
    assert restarts(server) == 0


@pytest.mark.parametrize("what", ["exit", "interrupt", "odd", "cancelled", "cancel_all"])
def test_what_ends_a_thread_does_not_end_the_event_loop(server: RunningServer, what: str) -> None:
    failed = ask(server, "async", what)
    assert failed.status_code == 500
    assert any(kind in message(failed) for kind in KINDS)
    assert ask(server, "async", "echo").status_code == 200
    assert is_ready(server)


@pytest.mark.parametrize("what", ["task", "callback", "stop_loop"])
def test_the_event_loop_goes_on_whatever_is_done_to_it(server: RunningServer, what: str) -> None:
    assert ask(server, "async", what).status_code == 200
    assert ask(server, "async", "echo").status_code == 200


@pytest.mark.parametrize("number", range(16))
def test_a_process_refuses_the_outputs_that_a_thread_refuses(
    server: RunningServer, number: int
) -> None:
    tensor = {"name": "x", "dtype": "DT_FLOAT32", "shape": [1], "flat_float32": [number]}
    answers = [
        server.post({"model": f"arrays_{isolation}", "gtensors": {"tensors": [tensor]}})
        for isolation in ("thread", "process")
    ]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].json().get("gtensors") == answers[1].json().get("gtensors")
    assert restarts(server) == 0


@pytest.mark.parametrize("model", ["thread", "process", "async"])
def test_values_that_are_not_finite_leave_totals_alone(server: RunningServer, model: str) -> None:
    body = {"str_data": "metrics", "model": model}
    assert server.post(body, headers={"X-Request-Id": model}).status_code == 200
    url = server.url(f"/grps/v1/monitor/series?name=of_{model}")
    wait_until(lambda: "2.0" in requests.get(url, timeout=GUARD_S).text, "recorded")
    metrics = requests.get(server.url("/metrics"), timeout=GUARD_S).text.lower()
    assert "nan" not in metrics
    assert "of_avg" not in metrics
    assert max(map(len, server.log().splitlines())) < LONGEST_LINE
    # The line of the worker goes on.
    assert ask(server, model, "prints").status_code == 200


@pytest.mark.parametrize("model", ["thread", "process", "async"])
def test_what_is_printed_is_logged_with_its_request(server: RunningServer, model: str) -> None:
    answer = server.post(
        {"str_data": "prints", "model": model}, headers={"X-Request-Id": f"of-{model}"}
    )
    assert answer.status_code == 200

    def lines(name: str) -> list[str]:
        log = (server.folder / "logs" / name).read_text()
        return [line for line in log.splitlines() if f"of-{model}" in line]

    for name in ("grps_server.log", "grps_usr.log"):
        for text in ("one line", "to the error stream", "begun and ended"):
            wait_until(lambda: any(text in line for line in lines(name)), text)  # noqa: B023
    assert server.log().count("printed at load") >= 1
    if model == "process":
        assert "printed at load" in server.log()


@pytest.mark.parametrize("isolation", ["thread", "process"])
@pytest.mark.parametrize("converter", ["none", "numpy"])
def test_requests_of_a_failed_batch_are_logged_under_their_own_identifiers(
    server: RunningServer, converter: str, isolation: str
) -> None:
    model = f"gathered_{converter}_{isolation}"

    def ask_with_id(number: int) -> requests.Response:
        tensor = {"name": "x", "dtype": "DT_INT32", "shape": [1, 1], "flat_int32": [number]}
        body: dict[str, Any] = {"str_data": str(number)}
        if converter == "numpy":
            body = {"gtensors": {"tensors": [tensor]}}
        headers = {"X-Request-Id": f"{model}.{number}"}
        return server.post({**body, "model": model}, headers=headers)

    with ThreadPoolExecutor(3) as clients:
        for number, failed in enumerate(clients.map(ask_with_id, range(3))):
            assert failed.status_code == 500
            assert f"{model}.{number}" in message(failed)

    def shown(number: int) -> str:
        return f"[{number}]" if converter == "numpy" else f"['{number}']"

    def end(number: int) -> str:
        """The end of a traceback; other lines and other models have its text as well."""
        return f"""can't run {shown(number)} logger="grps.server" id="{model}.{number}"\n"""

    def is_complete() -> bool:
        return all(end(number) in server.log() for number in range(3))

    wait_until(is_complete, "tracebacks")
    told = server.log()
    for number in range(3):
        failure = rf"failed on request {re.escape(model)}\.{number}\n"
        assert re.search(rf"{failure}(?:(?!logger=).)*{re.escape(end(number))}", told, re.DOTALL)
        line = re.escape(f'runs {shown(number)} logger="grps.printed" id="{model}.{number}"')
        assert re.search(line, told)
    # What is said of the whole batch has the first identifier and the number of the others.
    assert re.search(rf'failed on a batch of 3.*? id="{re.escape(model)}\.\d\+2"', told, re.DOTALL)


def test_a_chunk_that_comes_too_late_ends_no_worker(server: RunningServer) -> None:
    assert ask(server, "process", "late", "?streaming=true").status_code == 200
    assert ask(server, "process", "let_late_go_on").status_code == 200
    assert ask(server, "process", "echo").status_code == 200
    assert restarts(server) == 0


@pytest.mark.parametrize("query", ["", "?streaming=true"])
@pytest.mark.parametrize("what", ENDING)
@pytest.mark.parametrize("model", ["thread", "process"])
def test_what_ends_a_thread_costs_its_request_only(
    server: RunningServer, model: str, what: str, query: str
) -> None:
    failed = ask(server, model, what, query)
    assert any(kind in failed.text for kind in KINDS), failed.text
    if not query:
        assert failed.status_code == 500
    assert ask(server, model, "echo").status_code == 200
    assert is_ready(server)
    assert restarts(server) == 0


@pytest.mark.parametrize("isolation", ["thread", "process"])
@pytest.mark.parametrize("converter", ["none", "numpy"])
def test_what_ends_a_thread_costs_one_request_of_a_batch(
    server: RunningServer, converter: str, isolation: str
) -> None:
    def send(number: int) -> int:
        tensor = {"name": "x", "dtype": "DT_INT32", "shape": [1, 1], "flat_int32": [number]}
        body: dict[str, Any] = {"str_data": str(number)}
        if converter == "numpy":
            body = {"gtensors": {"tensors": [tensor]}}
        return server.post({**body, "model": f"leaves_{converter}_{isolation}"}).status_code

    with ThreadPoolExecutor(3) as clients:
        assert list(clients.map(send, (1, -1, 2))) == [200, 500, 200]
    assert is_ready(server)
    assert restarts(server) == 0
