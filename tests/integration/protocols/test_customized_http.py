"""Customized HTTP: user code reads requests and writes responses in flask's terms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.raw_http import connect, request
from tests.support import GUARD_S, RunningServer, serving, user_model, write_user_project

CODE = '''
import io
import sys
import time
from pathlib import Path

import flask
from flask import abort, jsonify, redirect, request, send_file
from grps import GrpsMessage, InputError, ModelInferer, inferer_register


class Plain(ModelInferer):
    def init(self, path, device=None, args=None): pass
    def load(self): return True


def wait_for_client():
    """Wait until the client has got what was sent before."""
    while not Path("got").exists():
        time.sleep(0.005)


def events(gated):
    yield "data: 0\\n\\n"
    if gated:
        wait_for_client()
    yield "data: 1\\n\\n"


def respond(context):
    asked = context.get_http_request()
    case = asked.args["case"]
    if case == "describe":
        return jsonify(
            length=asked.content_length, path=asked.path, same=request.path,
            kind=type(asked).__module__ + "." + type(asked).__name__,
        )
    if case == "upload":
        files = {name: [file.filename, file.read().decode()] for name, file in asked.files.items()}
        return jsonify(files=files, form=asked.form.to_dict(flat=False))
    if case == "json":
        return jsonify(a=asked.get_json()["a"])
    if case == "abort":
        abort(int(asked.args["status"]), asked.args.get("text"))
    if case == "abort-response":
        abort(flask.Response("mine", 409, {"X-Own": "yes"}))
    if case == "redirect":
        abort(redirect("/elsewhere"))
    if case == "input-error":
        raise InputError("no voice", status=422)
    if case == "raise":
        raise ValueError("broken")
    if case == "exit":
        sys.exit(3)
    if case == "exit-in-stream":
        def ends():
            sys.exit(3)
            yield ""
        return ends()
    if case == "err":
        context.set_err_msg("the voice is missing")
        return None
    if case == "err-silent":
        context.set_has_err(True)
        return None
    if case == "nothing":
        return None
    if case == "message":
        context.message = GrpsMessage(str_data="lost")
        return None
    if case == "file":
        return send_file(io.BytesIO(b"x" * 100_000), mimetype="image/png")
    if case == "events":
        return flask.Response(events("gated" in asked.args), mimetype="text/event-stream")
    if case == "generator":
        return events(False)
    if case == "broken-stream":
        def pieces():
            yield "first\\n"
            raise ValueError("broken midway")
        return flask.Response(pieces())
    if case == "no-first-piece":
        def none():
            if "refused" in asked.args:
                raise InputError("out of range", status=416)
            raise ValueError("broken before")
            yield ""
        return none(), 201
    return {
        "str": "hello",
        "bytes": b"hello",
        "pair": ("hello", 201),
        "headers": ("hello", {"X-Own": "yes"}),
        "triple": ({"a": 1}, 202, [("X-Own", "yes")]),
        "dict": {"a": 1},
        "list": [1, 2],
        "interim": ("hello", 101),
        "bad": 5,
        "bad-tuple": (object(), 200),
    }[case]


class Sets(Plain):
    def infer(self, inp, context):
        if request.args.get("case") == "chunks":
            context.customized_http_stream_respond("a")
            context.customized_http_stream_respond("b")
            return None
        response = respond(context)
        if response is not None:
            context.set_http_response(response)
        return getattr(context, "message", None)


class Returns(Plain):
    def infer(self, inp, context):
        return respond(context)


class Async(Plain):
    async def infer(self, inp, context):
        return respond(context)


class Yields(Plain):
    def infer(self, inp, context):
        yield "a"
        yield "b"


class Batches(Plain):
    def infer(self, inp, context):
        return respond(context)

    def batch_infer(self, inps, contexts):
        return [respond(context) for context in contexts]


for cls in (Sets, Returns, Async, Yields, Batches):
    inferer_register.register(cls.__name__, cls())
'''
BATCHING = {"type": "dynamic", "max_batch_size": 4, "batch_timeout_us": 1000}
ROUTES = [
    {"path": "/own", "customized_body": True},
    {
        "path": "/second",
        "customized_body": True,
        "streaming_ctrl": {"ctrl_key": "stream", "res_content_type": "text/event-stream"},
    },
    {"path": "/plain", "customized_body": False},
]
MODELS = ("Sets-thread", "Sets-process", "Returns-thread", "Async-thread", "Batches-thread")


def model_of(name: str) -> dict[str, Any]:
    inferer, place = name.split("-")
    keys: dict[str, Any] = {"batching": BATCHING} if inferer == "Batches" else {}
    return user_model(name, inferer_name=inferer, isolation=place, **keys)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("customized")
    interface = {"framework": "http", "host": "127.0.0.1", "port": "0"}
    settings = {"interface": {**interface, "customized_predict_http": ROUTES}}
    models = [*map(model_of, MODELS), model_of("Yields-thread")]
    write_user_project(folder, models, settings, code=CODE)
    with serving(folder) as running:
        yield running


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(
    server: RunningServer, model: str, case: str, path: str = "/own", **options: Any
) -> requests.Response:
    query = {"model": f"{model}-1.0.0", "case": case, **options.pop("query", {})}
    return requests.post(
        server.url(path), params=query, timeout=GUARD_S, allow_redirects=False, **options
    )


RESPONSES = [
    ("str", 200, "text/plain", "hello", None),
    ("bytes", 200, "application/octet-stream", "hello", None),
    ("pair", 201, "text/html; charset=utf-8", "hello", None),
    ("headers", 200, "text/html; charset=utf-8", "hello", "yes"),
    ("triple", 202, "application/json", '{"a":1}\n', "yes"),
    ("dict", 200, "application/json", '{"a":1}\n', None),
    ("list", 200, "application/json", "[1,2]\n", None),
    ("abort-response", 409, "text/html; charset=utf-8", "mine", "yes"),
]


@pytest.mark.parametrize(("case", "status", "kind", "text", "own"), RESPONSES)
def test_whatever_flask_takes_is_a_response(
    server: RunningServer,
    model: str,
    case: str,
    status: int,
    kind: str,
    text: str,
    own: str | None,
) -> None:
    answer = ask(server, model, case)
    assert (answer.status_code, answer.text) == (status, text)
    assert (answer.headers["Content-Type"], answer.headers.get("X-Own")) == (kind, own)


FAILURES = [
    ("abort", {"status": "404", "text": "no such voice"}, 404, "no such voice\n"),
    ("abort", {"status": "422"}, 422, "The request was well-formed but was unable to be"),
    ("abort", {"status": "503", "text": "later"}, 503, "later\n"),
    ("input-error", {}, 422, "no voice\n"),
    ("err", {}, 500, "the voice is missing\n"),
    ("err-silent", {}, 500, "the model failed; it gave no reason (context.set_err_msg)\n"),
    ("nothing", {}, 500, "infer set no response; call context.set_http_response"),
    ("nothing", {"streaming": "true"}, 500, "infer set no response; call context.set_http"),
    ("exit", {}, 500, "SystemExit: 3 (request id "),
    ("exit-in-stream", {}, 500, "SystemExit: 3 (request id "),
    ("raise", {}, 500, "ValueError: broken (request id "),
    ("no-first-piece", {}, 500, "ValueError: broken before (request id "),
    ("no-first-piece", {"refused": "1"}, 416, "out of range\n"),
    ("bad", {}, 500, "ValueError: http_response should be str, bytes, tuple("),
    ("bad-tuple", {}, 500, "ValueError: http_response should be str, bytes, tuple("),
    ("interim", {}, 500, "101 is not the status of a response\n"),
]


@pytest.mark.parametrize(("case", "query", "status", "text"), FAILURES)
def test_failures_have_a_status_and_a_line(
    server: RunningServer, model: str, case: str, query: dict[str, str], status: int, text: str
) -> None:
    answer = ask(server, model, case, query=query)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text.startswith(text)
    assert answer.text.count("\n") == 1


def test_broken_json_is_the_clients_fault(server: RunningServer, model: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = ask(server, model, "json", data=b'{"a":', headers=headers)
    assert answer.status_code == 400
    assert answer.text.startswith("Failed to decode JSON object: ")
    assert ask(server, model, "json", data=b"a=1").status_code == 415
    assert ask(server, model, "json", json={"a": 3}).json() == {"a": 3}


def test_a_redirect_is_no_failure(server: RunningServer, model: str) -> None:
    answer = ask(server, model, "redirect")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/elsewhere")


def test_a_message_that_is_not_sent_is_told(server: RunningServer) -> None:
    answer = ask(server, "Sets-thread", "message")
    assert answer.status_code == 500
    assert "context.set_http_response" in answer.text


def test_files_and_fields_of_a_form(server: RunningServer, model: str) -> None:
    form = {"voice": ["a", "b"], "long": "x" * 1_000_000}
    files = {"sound": ("hello.wav", b"RIFF"), "image": ("cat.png", b"PNG")}
    told = ask(server, model, "upload", data=form, files=files).json()
    assert told["files"] == {"sound": ["hello.wav", "RIFF"], "image": ["cat.png", "PNG"]}
    assert told["form"] == {"voice": ["a", "b"], "long": ["x" * 1_000_000]}


@pytest.mark.parametrize(("parts", "status"), [(1000, 200), (1001, 413)])
def test_a_form_has_at_most_a_thousand_parts(
    server: RunningServer, parts: int, status: int
) -> None:
    files = [("file", ("a", b"x"))] * parts
    assert ask(server, MODELS[0], "upload", files=files).status_code == status


@pytest.mark.parametrize(
    ("method", "headers", "length"),
    [("GET", "", None), ("POST", "Content-Length: 0\r\n", 0), ("POST", "Content-Length: 2\r\n", 2)],
)
def test_a_request_without_a_body_has_no_length(
    server: RunningServer, model: str, method: str, headers: str, length: int | None
) -> None:
    path = f"/own?model={model}-1.0.0&case=describe"
    with connect(server.ports[0]) as connection:
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
        connection.send(head.encode() + b"x" * (length or 0))
        body = connection.answer().body.decode()
    assert f'"length":{"null" if length is None else length}' in body
    assert '"kind":"flask.wrappers.Request"' in body
    assert '"same":"/own"' in body


@pytest.mark.parametrize("path", ["/own", "/second"])
def test_a_response_made_in_pieces_leaves_in_pieces(
    server: RunningServer, model: str, path: str
) -> None:
    gate = server.folder / "got"
    query = f"?model={model}-1.0.0&case=events&gated&stream=true"
    with connect(server.ports[0]) as connection:
        connection.send(request(b"", path=path + query))
        head = connection.head()
        assert head.headers["Content-Type"].startswith("text/event-stream")
        chunks = connection.chunks()
        assert next(chunks) == b"data: 0\n\n"
        gate.touch()
        assert list(chunks) == [b"data: 1\n\n"]
    gate.unlink()


def test_a_generator_is_a_response(server: RunningServer, model: str) -> None:
    answer = ask(server, model, "generator")
    assert answer.text == "data: 0\n\ndata: 1\n\n"
    # An infer that returns a generator is one: its pieces are joined, as those of any model.
    joined = model.startswith("Returns")
    assert answer.headers["Content-Type"].startswith("text/plain" if joined else "text/html")


def test_files_are_sent(server: RunningServer, model: str) -> None:
    answer = ask(server, model, "file")
    assert (answer.headers["Content-Type"], len(answer.content)) == ("image/png", 100_000)


def test_a_failure_midway_is_the_last_line(server: RunningServer, model: str) -> None:
    answer = ask(server, model, "broken-stream")
    assert answer.status_code == 200
    assert answer.text.startswith("first\nValueError: broken midway (request id ")


def test_chunks_without_a_stream_are_the_body(server: RunningServer) -> None:
    for model in ("Sets-thread", "Yields-thread"):
        whole = ask(server, model, "chunks")
        assert (whole.text, whole.headers["Content-Type"]) == ("ab", "text/plain")
        streamed = ask(server, model, "chunks", "/second", query={"stream": "true"})
        assert streamed.text == "ab"
        assert streamed.headers["Content-Type"].startswith("text/event-stream")


def test_a_whole_response_to_a_request_for_a_stream(server: RunningServer, model: str) -> None:
    answer = ask(server, model, "triple", "/second", query={"stream": "true"})
    assert (answer.status_code, answer.json(), answer.headers["X-Own"]) == (202, {"a": 1}, "yes")


def test_every_route_of_the_list_is_served(server: RunningServer) -> None:
    for path in ("/own", "/second", "/grps/v1/infer/predict"):
        assert ask(server, "Sets-thread", "describe", path).json()["path"] == path
    # Without customized_body, the route takes messages; user code has no HTTP request there.
    answer = requests.post(
        server.url("/plain?model=Yields-thread-1.0.0"), json={"str_data": "x"}, timeout=GUARD_S
    )
    assert answer.status_code == 500
    assert "Streaming response should be GrpsMessage" in answer.json()["status"]["msg"]


def test_refusals_are_not_the_models_failures(server: RunningServer) -> None:
    def failures() -> list[str]:
        lines = requests.get(server.url("/metrics"), timeout=GUARD_S).text.splitlines()
        calls = [line for line in lines if line.startswith("grps_model_calls_total")]
        return [line for line in calls if "Sets-thread" in line and "model_failed" in line]

    ask(server, "Sets-thread", "raise")
    before = failures()
    assert before
    logged = server.whole_log().count("Traceback")
    for case, query, status, _ in FAILURES:
        if status < 500:
            assert ask(server, "Sets-thread", case, query=query).status_code == status
    assert failures() == before
    assert server.whole_log().count("Traceback") == logged
