"""SavedModels in native threads: the same answers as through Python, and their limits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from grps.backends.libraries import native_library
from grps.deploy.native import PROGRAM
from tests.integration.engines.native_models import (
    NUMBERS,
    WAYS,
    ask,
    assert_answers_alike,
    configured,
    described,
    grpst,
    served_natively,
    tensor,
)
from tests.support import RunningServer, serving, write_project
from tests.tensorflow_models import (
    Identity,
    Lines,
    Pairs,
    basic_pitch,
    operator_library,
    save,
    save_graphs,
    save_scores,
    save_triple,
)

KINDS = [*NUMBERS, "float16"]
LIBRARY = {
    "GRPS_TENSORFLOW": str(native_library("tensorflow")),
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
"""What the program finds TensorFlow by when it is started directly."""


class Types(tf.Module):
    """Returns one vector of every type of numbers."""

    def __init__(self) -> None:
        super().__init__()
        specs = [tf.TensorSpec([None], name, f"in_{name}") for name in KINDS]

        def same(*vectors: Any) -> Any:
            return {f"out_{n}": tf.identity(v) for n, v in zip(KINDS, vectors, strict=True)}

        self.call = tf.function(same, input_signature=specs)


class Centred(tf.Module):
    """Mixes the rows of a batch."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])
    def __call__(self, x: Any) -> Any:
        return {"y": x - tf.reduce_mean(x, axis=0, keepdims=True)}


def save_identity(path: Path, dtype: Any, shape: Any = (None,)) -> Path:
    module = Identity(dtype, shape)
    return save(path, module, serving_default=module.call)


def save_models(folder: Path) -> dict[str, dict[str, Any]]:
    """Write models and return what ``inference.yml`` says of each."""
    types = Types()
    save(folder / "types", types, serving_default=types.call)
    save_scores(folder / "scores")
    save_graphs(folder / "graphs")
    save(folder / "pairs", Pairs())
    save(folder / "lines", Lines())
    save_triple(folder / "triple")
    for name, dtype, shape in (
        ("bool", tf.bool, [None]),
        ("bfloat16", tf.bfloat16, [None]),
        ("text", tf.string, [None, 2]),
        ("scalar", tf.string, []),
        ("any", tf.float32, None),
    ):
        save_identity(folder / name, dtype, shape)
    batching = {"type": "dynamic", "max_batch_size": 8}
    library = {"customized_op_paths": str(operator_library())}
    found: dict[str, dict[str, Any]] = {
        "scores": {"batching": batching, "instances": 2},
        "upper": {"inferer_path": "scores", "inferer_args": {"signature": "upper"}},
        "half": {"inferer_path": "graphs", "inferer_args": {"tags": "half, serve"}},
        "triple": {"inferer_args": library, "instances": 2},
        "pitch": {"inferer_path": str(basic_pitch())},
        "own": {"inferer_path": "lines", "converter_type": "tensorflow"},
    }
    plain = ("types", "graphs", "pairs", "lines", "bool", "bfloat16", "text", "scalar", "any")
    found |= {name: {} for name in plain}
    return {name: {"inferer_path": name, **keys} for name, keys in found.items()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("native")
    models = [
        configured("tensorflow", way, name, keys)
        for name, keys in save_models(folder).items()
        for way in WAYS
    ]
    write_project(folder, models)
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The same models in the server without Python."""
    folder = tmp_path_factory.mktemp("alone")
    models = [
        configured("tensorflow", "native", name, keys) for name, keys in save_models(folder).items()
    ]
    write_project(folder, models)
    with serving(folder, PROGRAM, **LIBRARY) as running:
        yield running


ALL_TYPES = [
    *(tensor(f"in_{name}", datatype, [2], [1, 0]) for name, datatype in NUMBERS.items()),
    tensor("in_float16", "FP16", [2], [0.5, 2]),
]
ROW = [tensor("x", "FP32", [1, 3], [1, 2, 3]), tensor("bias", "FP32", [1, 2], [0.5, 1])]
SOUND = [0.25 * math.sin(at / 8) for at in range(43844)]
WORDS = ["é", "", "a text of more than twenty-two bytes", "x" * 5000]


def longs(name: str, data: list[int]) -> dict[str, Any]:
    return tensor(name, "INT64", [len(data)], data)


@pytest.mark.parametrize(
    ("model", "tensors", "status"),
    [
        ("types", ALL_TYPES, 200),
        ("scores", ROW, 200),
        ("scores", ROW[:1], 400),
        ("scores", [ROW[0], tensor("bias", "FP64", [1, 2], [1, 2])], 400),
        ("scores", [ROW[0], tensor("bias", "FP32", [1, 3], [1, 2, 3])], 400),
        ("upper", [tensor("texts", "BYTES", [4], WORDS)], 200),
        ("text", [tensor("x", "BYTES", [2, 2], WORDS)], 200),
        ("text", [tensor("x", "BYTES", [0, 2], [])], 200),
        ("scalar", [tensor("x", "BYTES", [], ["é"])], 200),
        ("half", [tensor("x", "FP32", [2], [2, 4])], 200),
        ("graphs", [tensor("x", "FP32", [2], [2, 4])], 200),
        ("graphs", [tensor("x", "FP32", [0], [])], 200),
        ("pairs", [longs("a", [1, 2]), longs("b", [3, 4])], 200),
        ("pairs", [longs("a", [1, 2]), longs("b", [3, 4, 5])], 400),
        ("pairs", [longs("a", [0, 2]), longs("b", [3, 4])], 400),
        ("lines", [tensor("x", "FP32", [1, 2], [1, 2])], 200),
        ("own", [tensor("x", "FP32", [1, 2], [1, 2])], 200),
        ("bool", [tensor("x", "BOOL", [3], [True, False, True])], 200),
        ("bfloat16", [tensor("x", "FP32", [3], [1, 1 + 2**-12, -3.5])], 200),
        ("any", [tensor("x", "FP32", [2, 1, 2], [1, 2, 3, 4])], 200),
        ("triple", [tensor("x", "FP32", [2], [1, 2])], 200),
        ("pitch", [tensor("input_2", "FP32", [1, 43844, 1], SOUND)], 200),
    ],
)
def test_answers_are_those_of_python(
    server: RunningServer,
    alone: RunningServer,
    model: str,
    tensors: list[dict[str, Any]],
    status: int,
) -> None:
    assert_answers_alike(server, alone, model, tensors, status)


def test_a_bool_is_a_uint8_for_clients_of_grps(server: RunningServer) -> None:
    sent = {"name": "x", "dtype": "DT_UINT8", "shape": [2], "flat_uint8": [2, 0]}
    body = {"gtensors": {"tensors": [sent]}}
    answers = [server.post(body, "?model=" + f"{way}_bool-1").json() for way in WAYS]
    assert answers[0]["gtensors"] == answers[1]["gtensors"]
    assert answers[1]["gtensors"]["tensors"][0]["flat_uint8"] == [1, 0]


def test_metadata_is_the_same(server: RunningServer, alone: RunningServer) -> None:
    for name in ("types", "scores", "upper", "half", "lines", "bfloat16", "any", "pitch"):
        python, native = (described(server, f"{way}_{name}") for way in WAYS)
        assert native == python
        assert described(alone, f"native_{name}") == python


def test_requests_at_once_keep_their_rows(server: RunningServer) -> None:
    def first(number: int) -> Any:
        row = [tensor("x", "FP32", [1, 3], [number, 0, 0]), tensor("bias", "FP32", [1, 2], [0, 0])]
        return ask(server, "native_scores", row)[1][1]["data"]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(first, range(200))) == [[float(n), 2.0 * n] for n in range(200)]


def test_strings_outlive_the_run_that_they_were_sent_to(server: RunningServer) -> None:
    def same(number: int) -> Any:
        words = [f"{number} " * 40, str(number)]
        return (
            ask(server, "native_text", [tensor("x", "BYTES", [1, 2], words)])[1][0]["data"] == words
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(same, range(100)))


BATCHED = {"batching": {"type": "dynamic", "max_batch_size": 4}}


@pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])
def test_a_worker_process_answers_the_same(tmp_path: Path, program: Path | None) -> None:
    save_identity(tmp_path / "same", tf.float32)
    keys = {"inferer_path": "same", "isolation": "process"}
    write_project(tmp_path, [configured("tensorflow", "native", "same", keys)])
    with serving(tmp_path, program, **LIBRARY) as server:
        status, outputs = ask(server, "native_same", [tensor("x", "FP32", [2], [1, 2.5])])
        assert (status, outputs[0]["data"]) == (200, [1.0, 2.5])


def damage(folder: Path) -> None:
    """Write models that can't be served."""
    whole = (folder / "same" / "saved_model.pb").read_bytes()
    weights = (save_scores(folder / "scores") / "saved_model.pb").read_bytes()
    for name, content in (("cut", whole[:-9]), ("lost", weights), ("text", b"")):
        (folder / name).mkdir()
        (folder / name / "saved_model.pb").write_bytes(content)
    (folder / "text" / "saved_model.pb").rename(folder / "text" / "saved_model.pbtxt")


@pytest.mark.parametrize(
    ("keys", "cause"),
    [
        ({"inferer_args": {"signature": "x"}}, "no signature is called 'x'; set signature in inf"),
        ({"inferer_args": {"tags": "gpu"}}, "no graph has the tags gpu; set tags in inferer_args"),
        ({"inferer_args": {"signatures": "x"}}, "unknown field `signatures`"),
        ({"inferer_args": {"customized_op_paths": "none.so"}}, "operators none.so: no such file"),
        ({"device": "cuda:0"}, "device cuda:0 is not possible in native code"),
        ({"inferer_path": "centred", **BATCHED}, "output y of a row depends on the other rows"),
        ({"inferer_path": "short"}, "input x has the unsupported type uint16; supported: uint8"),
        ({"inferer_path": "cut"}, "saved_model.pb: damaged or cut short; copy the file again"),
        ({"inferer_path": "text"}, "saved_model.pbtxt is not possible in native code"),
        ({"inferer_path": "lost"}, "lost: no variables/variables.index; copy the whole folder"),
        ({"inferer_path": "missing"}, "missing: no such file or directory"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, keys: dict[str, Any], cause: str) -> None:
    save_identity(tmp_path / "same", tf.float32)
    save_identity(tmp_path / "short", tf.uint16)
    save(tmp_path / "centred", Centred())
    damage(tmp_path)
    keys = {"inferer_path": "same", **keys}
    write_project(tmp_path, [configured("tensorflow", "native", "m", keys)])
    for program in (None, PROGRAM):
        with (
            pytest.raises(AssertionError, match=r"failed|ended") as caught,
            serving(tmp_path, program, **LIBRARY),
        ):
            pass
        assert cause in str(caught.value)


def test_all_models_have_the_threads_of_the_first(tmp_path: Path) -> None:
    save_identity(tmp_path / "same", tf.float32)
    models = [
        configured(
            "tensorflow",
            "native",
            f"m{threads}",
            {"inferer_path": "same", "inferer_args": {"intra_op_threads": threads}},
        )
        for threads in (1, 2)
    ]
    write_project(tmp_path, models)
    with pytest.raises(AssertionError) as caught, serving(tmp_path, PROGRAM, **LIBRARY):
        pass
    assert "intra_op_threads is 1 already and TensorFlow can't change it" in str(caught.value)


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    save_identity(tmp_path / "same", tf.float32)
    write_project(tmp_path, [configured("tensorflow", "native", "m", {"inferer_path": "same"})])
    missing = {"GRPS_TENSORFLOW": "/nowhere/libtensorflow_cc.so"}
    with pytest.raises(AssertionError) as caught, serving(tmp_path, PROGRAM, **missing):
        pass
    said = "pip install tensorflow, or set GRPS_TENSORFLOW to the path of libtensorflow_cc.so"
    assert said in str(caught.value)


def test_the_verb_serves_a_folder_without_python(tmp_path: Path) -> None:
    path = save_identity(tmp_path / "same", tf.float32)
    words = ["tf_serve", str(path), "--native"]
    assert grpst(tmp_path, *words, "--signature", "none").returncode == 1
    assert served_natively(tmp_path, words, [1, 2]) == [1, 2]
