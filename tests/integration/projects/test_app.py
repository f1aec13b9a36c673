"""Functions and classes of one Python file, served."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from PIL import Image

from grps.deploy.project.app_project import AppChoices, chosen, read_app
from tests.integration.projects.conftest import Dev, Grpst, state_of
from tests.support import RunningServer, serving, wait_until, write_project

APP = '''
import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Annotated

import numpy as np

import grps

rows = []


@grps.model
def typed(x: Annotated[np.ndarray, "float32[?, 2]"], y: np.ndarray = 0) -> dict[str, np.ndarray]:
    return {"sum": x + y}


@grps.model
def shout(text: str) -> str:
    return text.upper()


@grps.model
def greet(name: str, times: int = 1) -> dict:
    return {"greeting": " ".join([f"hello {name}"] * times)}


@grps.model
def keys(value: dict) -> dict:
    return {"keys": sorted(value)}


@grps.model
def scaled(x: np.ndarray, factor: float = 2.0) -> np.ndarray:
    return x * factor


@grps.model
def total(x: Annotated[np.ndarray, "float32[?, 2]"], weights: np.ndarray) -> dict:
    return {"total": float((x * weights).sum())}


@grps.model
def count(items: list) -> dict:
    return {"length": len(items)}


@grps.model
def size(data: bytes) -> dict:
    return {"bytes": len(data)}


@grps.model
def words(text: str) -> Iterator[str]:
    for word in text.split():
        yield f"{word} "


@grps.model
async def later(x: np.ndarray, context: grps.GrpsContext) -> np.ndarray:
    await asyncio.sleep(0.001)
    return x + 1


@grps.model
async def pieces(text: str):
    for word in text.split():
        yield f"{word}/"


@grps.model(max_batch_size=4)
class Together:
    """Keeps its first request waiting while others come."""

    def load(self, device):
        self.device = device

    def infer(self, x: np.ndarray) -> np.ndarray:
        if not os.path.exists("release"):
            with open("began", "a") as file:
                print(len(x), file=file)
            while not os.path.exists("release"):
                threading.Event().wait(0.005)
        return np.full((len(x), 1), len(x), np.float32)


@grps.model(max_batch_size=4)
def lengths(texts: list[str]) -> list[int]:
    return [len(text) for text in texts]


@grps.model(isolation="process")
class Apart:
    def __call__(self, x):
        return np.asarray([os.getpid()])


@grps.model(instances=2)
class Own:
    def __init__(self):
        self.thread = None

    def infer(self, x: np.ndarray) -> np.ndarray:
        """Fail if another thread has called this object."""
        self.thread = self.thread or threading.get_ident()
        assert self.thread == threading.get_ident()
        return x


@grps.model(converter="image", converter_args={"size": 8, "scale": 1, "top_k": 1})
def color(image: Annotated[np.ndarray, "float32"]) -> dict:
    return {"color": image.mean(axis=(2, 3))}


@grps.model
def broken(x: np.ndarray):
    raise ValueError("oops")
'''
INFERER = """
import numpy as np

from grps import ModelInferer, inferer_register


class Mean(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context):
        return {"mean": inp["input"].mean(axis=(1, 2, 3))}


inferer_register.register("mean", Mean())
"""
MEAN = {
    "name": "mean",
    "version": "1.0.0",
    "inferer_type": "customized",
    "inferer_name": "mean",
    "converter_type": "image",
    "converter_args": {"size": 4, "scale": 1},
    "batching": {"type": "dynamic", "max_batch_size": 4},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("app")
    (folder / "app.py").write_text(APP)
    (folder / "src").mkdir()
    (folder / "src" / "customized_inferer.py").write_text(INFERER)
    models = chosen(read_app(folder / "app.py"), AppChoices())
    with serving(write_project(folder, [*models, MEAN])) as running:
        yield running


def ask(server: RunningServer, model: str, data: str | bytes, kind: str = "text/plain") -> Any:
    answer = requests.post(
        server.url(),
        params={"model": model},
        data=data,
        headers={"Content-Type": kind},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def array(server: RunningServer, model: str, rows: list[Any]) -> Any:
    answer = server.post({"ndarray": rows}, f"?model={model}&return-ndarray=true")
    assert answer.status_code == 200, answer.text
    return answer.json()["ndarray"]


def test_arrays_by_name(server: RunningServer) -> None:
    assert array(server, "typed", [[1, 2]]) == [[1.0, 2.0]]
    tensors = [
        {"name": name, "dtype": "DT_FLOAT32", "shape": [1, 2], "flat_float32": values}
        for name, values in (("y", [10, 10]), ("x", [1, 2]))
    ]
    found = server.post({"gtensors": {"tensors": tensors}}, "?model=typed").json()
    (only,) = found["gtensors"]["tensors"]
    assert (only["name"], only["flat_float32"]) == ("sum", [11.0, 12.0])
    refused = server.post({"ndarray": [[1, 2, 3]]}, "?model=typed")
    assert refused.status_code == 400
    assert "input 'x' has shape [?,2], got [1, 3]" in refused.json()["status"]["msg"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "Ann"},
        {"str_data": '{"name": "Ann"}'},
        {"model": "greet", "str_data": '{"name": "Ann"}'},
        {"gmap": {"s_s": {"name": "Ann"}}},
    ],
)
def test_json_of_their_own_form(server: RunningServer, body: dict[str, Any]) -> None:
    found = server.post(body, "?model=greet")
    assert found.status_code == 200, found.text
    assert json.loads(found.json()["str_data"]) == {"greeting": "hello Ann"}


def test_a_key_that_a_function_does_not_take_is_refused(server: RunningServer) -> None:
    refused = server.post({"name": "Ann", "model": "of somebody"}, "?model=greet")
    assert refused.status_code == 400
    assert "'model'" in refused.json()["status"]["msg"]


def test_a_model_in_json_of_their_own_form_is_a_key_like_others(server: RunningServer) -> None:
    found = server.post({"model": "greet", "items": [1, 2]}, "?model=keys")
    assert json.loads(found.json()["str_data"]) == {"keys": ["items", "model"]}


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "application/x-www-form-urlencoded"]
)
def test_a_model_that_does_not_exist_comes_before_the_body(
    server: RunningServer, kind: str
) -> None:
    refused = requests.post(
        server.url(),
        params={"model": "gret"},
        data='{"name": "Ann"}',
        headers={"Content-Type": kind},
        timeout=30,
    )
    assert refused.status_code == 404, refused.text
    assert "greet" in refused.text


def test_data_of_curl_gets_the_header_to_add(server: RunningServer) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    refused = requests.post(
        server.url(), params={"model": "typed"}, data="{}", headers=kind, timeout=30
    )
    assert refused.status_code == 415
    assert "With curl, add -H 'Content-Type: application/json'." in refused.json()["status"]["msg"]


@pytest.mark.parametrize("items", [[], [1, 2], "text", 3, None])
def test_json_of_any_type(server: RunningServer, items: Any) -> None:
    found = server.post(items, "?model=count")
    if isinstance(items, list):
        assert json.loads(found.json()["str_data"]) == {"length": len(items)}
    else:
        assert found.status_code == 400, found.text


def test_arrays_beside_numbers_in_json(server: RunningServer) -> None:
    assert array(server, "scaled", [[1, 2]]) == [[2.0, 4.0]]
    found = server.post({"x": [[1, 2]], "factor": 3}, "?model=scaled&return-ndarray=true")
    assert found.json()["ndarray"] == [[3.0, 6.0]]


def described(server: RunningServer, model: str) -> dict[str, Any]:
    url = server.url("/grps/v1/metadata/model")
    answer = requests.post(url, json={"str_data": model}, timeout=30)
    found: dict[str, Any] = yaml.safe_load(answer.json()["str_data"])
    return found


def test_what_a_function_takes_is_described(server: RunningServer) -> None:
    # Names such as "key" are those of secrets in a configuration.
    assert described(server, "keys")["request"] == {"form": "json", "example": '{"key": "value"}'}
    assert described(server, "total")["inputs"] == [
        {"name": "x", "dtype": "float32", "shape": [-1, 2]},
        {"name": "weights", "dtype": None, "shape": None},
    ]


@pytest.mark.parametrize("model", ["typed", "shout", "size", "color"])
def test_other_functions_need_a_message_in_json(server: RunningServer, model: str) -> None:
    refused = server.post({"name": "Ann"}, f"?model={model}")
    assert refused.status_code == 400, refused.text


def test_text_bytes_and_json(server: RunningServer) -> None:
    assert ask(server, "shout", "hi")["str_data"] == "HI"
    assert server.post({"str_data": "hi"}, "?model=shout").json()["str_data"] == "HI"
    assert json.loads(ask(server, "size", b"\xff\x00")["str_data"]) == {"bytes": 2}
    form = "application/x-www-form-urlencoded"
    found = ask(server, "greet", '{"name": "Ann", "times": 2}', form)["str_data"]
    assert json.loads(found) == {"greeting": "hello Ann hello Ann"}
    found = server.post({"str_data": '{"name": "Ann"}'}, "?model=greet").json()["str_data"]
    assert json.loads(found) == {"greeting": "hello Ann"}
    refused = requests.post(server.url(), params={"model": "greet"}, data=b"{}", timeout=30)
    assert refused.status_code == 400
    assert "the request has no 'name'; the model takes: name (text), times (int)" in refused.text


def test_streams(server: RunningServer) -> None:
    for model, whole in (("words", "a b "), ("pieces", "a/b/")):
        assert ask(server, model, "a b")["str_data"] == whole
        lines = requests.post(
            server.url(),
            params={"model": model, "streaming": "true"},
            json={"str_data": "a b"},
            timeout=30,
        ).text
        assert lines.count('"str_data"') == 2
    metadata = requests.post(
        server.url("/grps/v1/metadata/model"), json={"str_data": "words"}, timeout=30
    )
    assert "streams: true" in metadata.json()["str_data"]


def test_async(server: RunningServer) -> None:
    assert array(server, "later", [[1]]) == [[2.0]]


def test_batches(server: RunningServer) -> None:
    found: list[Any] = []

    def call() -> None:
        found.append(array(server, "Together", [[1]]))

    threads = [threading.Thread(target=call) for _ in range(4)]
    threads[0].start()
    wait_until(lambda: server.noted("began") == ["1"], "the first request runs")
    for thread in threads[1:]:
        thread.start()
    gauge = 'grps_model_queue_length{model="Together-1.0.0"} 3'
    metrics = server.url("/metrics")
    wait_until(lambda: gauge in requests.get(metrics, timeout=30).text, "three requests wait")
    server.release()
    for thread in threads:
        thread.join()
    assert sorted(found) == [[[1.0]], [[3.0]], [[3.0]], [[3.0]]]
    assert ask(server, "lengths", "four")["str_data"] == "4"


def test_each_object_has_one_thread(server: RunningServer) -> None:
    threads = [
        threading.Thread(target=array, args=(server, "Own", [[index]])) for index in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert array(server, "Own", [[9]]) == [[9.0]]


def test_a_process_of_its_own(server: RunningServer) -> None:
    assert array(server, "Apart", [[1]]) != [server.process.pid]


def picture(red: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", (20, 10), (red, 100, 10)).save(file, "PNG")
    return file.getvalue()


def test_a_built_in_converter_feeds_code(server: RunningServer) -> None:
    found = ask(server, "color", picture(200), "image/png")["gtensors"]["tensors"]
    assert found[0]["flat_string"] == ["0"]
    found = ask(server, "mean", picture(40), "image/png")["gtensors"]["tensors"]
    assert (found[0]["name"], found[0]["flat_float32"]) == ("mean", [50.0])
    refused = requests.post(server.url(), params={"model": "mean"}, data="x", timeout=30)
    assert refused.status_code == 400


def test_a_failure_is_that_of_the_request(server: RunningServer) -> None:
    answer = server.post({"ndarray": [[1]]}, "?model=broken")
    assert answer.status_code == 500
    assert answer.json()["status"]["msg"].startswith("ValueError: oops (request id ")
    assert 'in broken\n        raise ValueError("oops")' in server.whole_log()


SMALL = """
import numpy as np

import grps


@grps.model
class Scale:
    def __init__(self, factor: float = 2.0):
        self.factor = factor

    def load(self, device: str):
        self.table = np.loadtxt("table.txt")

    def infer(self, x: np.ndarray) -> np.ndarray:
        return x * self.factor + self.table
"""


def test_serve_and_restart(grpst: Grpst, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    app = folder / "app.py"
    app.write_text(SMALL)
    failed = grpst("serve", app, "--port", "0,0", "--no_logging", code=1)
    assert "FileNotFoundError" in failed
    assert f"{app}:13: " in failed
    assert "see: docs/reference/errors.md#a-model-cannot-be-loaded" in failed
    (folder / "table.txt").write_text("1")
    flags = ["--inferer_arg", "factor=3", "--instances", "2", "--max_batch_size", "4"]
    printed = grpst("serve", app, "--host", "127.0.0.1", "--port", "0,0", "--no_logging", *flags)
    assert "model Scale-1.0.0" in printed
    state = state_of("my_grps")
    url = f"http://127.0.0.1:{state.ports[0]}/grps/v1/infer/predict?return-ndarray=true"
    assert requests.post(url, json={"ndarray": [[1]]}, timeout=30).json()["ndarray"] == [[4.0]]
    (folder / "table.txt").write_text("5")
    grpst("restart", "my_grps", "--no_logging")
    url = url.replace(str(state.ports[0]), str(state_of("my_grps").ports[0]))
    assert requests.post(url, json={"ndarray": [[1]]}, timeout=30).json()["ndarray"] == [[8.0]]


def test_flags_that_do_not_go_with_code(grpst: Grpst, tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text("import grps\n\n\n@grps.model\ndef f(text: str) -> str:\n    return text\n")
    assert "--intra_op_threads is for engines" in grpst(
        "serve", app, "--intra_op_threads", "1", code=2
    )
    assert "f-1.0.0 takes one request at a time" in grpst(
        "serve", app, "--max_batch_size", "2", code=1
    )
    assert "f-1.0.0 takes no arrays" in grpst("serve", app, "--converter", "image", code=1)
    shown = grpst("inspect", app)
    assert "takes   text" in shown
    assert "ask     curl -d 'some text' http://127.0.0.1:7080/grps/v1/infer/predict" in shown
    found = json.loads(grpst("inspect", app, "--json"))
    assert [one["model"] for one in found["models"]] == ["f-1.0.0"]


def test_dev_follows_edits(grpst: Grpst, tmp_path: Path) -> None:
    del grpst  # its environment is needed
    app = tmp_path / "app.py"
    code = "import grps\n\n\n@grps.model\ndef f(text: str) -> str:\n    return text + 'A'\n"
    app.write_text(code)
    with Dev(app, 60, "--port", "0,0") as dev:
        url = f"{dev.ready()}/grps/v1/infer/predict"
        answer = requests.post(url, json={"str_data": "x"}, timeout=30)
        assert answer.json()["str_data"] == "xA"
        app.write_text(f"{code}1 / 0\n")
        assert f"{app}:7: ZeroDivisionError" in dev.wait("ZeroDivisionError")
        dev.wait("the server runs on with the last version")
        app.write_text(code.replace("'A'", "'B'"))
        assert dev.ready() == url.removesuffix("/grps/v1/infer/predict")
        answer = requests.post(url, json={"str_data": "x"}, timeout=30)
        assert answer.json()["str_data"] == "xB"
