"""The TensorFlow backend."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from grps.backends.backend import BytesValue, TensorSpec
from grps.backends.common.examples import example_of
from grps.backends.common.warm_up import warm_up
from grps.backends.tensorflow.causes import tensorflow_cause
from grps.backends.tensorflow.tensors import flatten, to_numpy
from grps.errors import DeviceError, InputError, ModelError
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
from tests.unit.backends.models import Load

TF = "tensorflow"


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_scores(tmp_path_factory.mktemp("scores") / "scores")


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_graphs(tmp_path_factory.mktemp("graphs") / "graphs")


def identity(path: Path, dtype: object, shape: object = (None,)) -> Path:
    module = Identity(dtype, shape)
    return save(path / "identity", module, serving_default=module.call)


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
)
def test_every_number_type_passes(load: Load, tmp_path: Path, dtype: str) -> None:
    backend = load(identity(tmp_path, dtype), TF)
    assert backend.signature.inputs == (TensorSpec("x", dtype, (None,)),)
    assert backend.signature.outputs == (TensorSpec("y", dtype, (None,)),)
    assert backend.signature.strict_names
    array = np.array([0, 1, 2], dtype=dtype)
    array.flags.writeable = False
    [(name, value)] = backend.infer([array])
    assert (name, value.dtype.name, value.flags.c_contiguous) == ("y", dtype, True)
    np.testing.assert_array_equal(value, array)
    assert not np.shares_memory(value, array)


def test_strings_pass(load: Load, scores: Path) -> None:
    backend = load(scores, TF, inferer_args={"signature": "upper"})
    assert backend.signature.inputs == (TensorSpec("texts", "string", (None,)),)
    found = dict(backend.infer([np.array(["ab", "é", ""], dtype=object)]))
    assert found["upper"].tolist() == ["AB", "é", ""]
    assert found["length"].tolist() == [2, 2, 0]
    assert warm_up(backend)[1].skipped is None


def test_a_string_without_dimensions_passes(load: Load, tmp_path: Path) -> None:
    [(_, value)] = load(identity(tmp_path, tf.string, ()), TF).infer([np.array("é", dtype=object)])
    assert (value.shape, value.item()) == ((), "é")


def test_strings_that_are_no_text_are_bytes() -> None:
    assert to_numpy("y", tf.constant([b"a", b"\xff"])).tolist() == [b"a", b"\xff"]
    assert to_numpy("y", tf.constant([[b"a"], [b"\xc3\xa9"]])).tolist() == [["a"], ["\xe9"]]


class Images(tf.Module):
    """Decodes image files."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "file")])
    def __call__(self, file: tf.Tensor) -> dict[str, tf.Tensor]:
        shapes = tf.map_fn(
            lambda one: tf.shape(tf.io.decode_jpeg(one)), file, fn_output_signature=tf.int32
        )
        return {"shape": shapes, "file": file}


def test_files_go_in_and_out_as_bytes(load: Load, tmp_path: Path) -> None:
    backend = load(save(tmp_path / "images", Images()), TF)
    signature, ran = warm_up(backend)
    assert ran.skipped is None
    (values,) = [spec.values for spec in signature.inputs]
    assert values is not None
    assert isinstance(values[0], BytesValue)
    image = tf.io.encode_jpeg(tf.zeros([5, 7, 3], tf.uint8)).numpy()
    found = dict(backend.infer([np.array([image], dtype=object)]))
    assert found["shape"].tolist() == [[5, 7, 3]]
    assert found["file"].tolist() == [image]
    with pytest.raises(InputError, match="Unknown image file format"):
        backend.infer([np.array(["text"], dtype=object)])


def test_bools_pass_and_bfloat16_has_a_stand_in(load: Load, tmp_path: Path) -> None:
    backend = load(identity(tmp_path / "bool", tf.bool), TF)
    assert backend.signature.inputs[0].dtype == "bool"
    value = backend.infer([np.array([0, 1, 2], np.uint8)])[0][1]
    assert (value.dtype.name, value.tolist()) == ("bool", [False, True, True])
    backend = load(identity(tmp_path / "bfloat16", tf.bfloat16), TF)
    assert backend.signature.inputs[0].dtype == "float32"
    value = backend.infer([np.array([1, 1 + 2**-12], np.float32)])[0][1]
    assert (value.dtype.name, value.tolist()) == ("float32", [1, 1])


@pytest.mark.parametrize("dtype", [tf.uint16, tf.complex64])
def test_refuses_types_the_wire_lacks(load: Load, tmp_path: Path, dtype: object) -> None:
    with pytest.raises(ModelError, match=r"input x has the unsupported type \w+; supported: uint8"):
        load(identity(tmp_path, dtype), TF)


def test_inputs_stand_in_the_order_of_the_arguments(load: Load, scores: Path) -> None:
    backend = load(scores, TF)
    assert backend.signature.inputs == (
        TensorSpec("x", "float32", (None, 3)),
        TensorSpec("bias", "float32", (None, 2)),
    )
    assert backend.signature.outputs == (
        TensorSpec("best", "int64", (None,)),
        TensorSpec("logits", "float32", (None, 2)),
    )
    assert warm_up(backend)[1].skipped is None
    chance = np.random.default_rng(0)
    for rows in (1, 5):
        x = chance.standard_normal((rows, 3), dtype=np.float32)
        bias = chance.standard_normal((rows, 2), dtype=np.float32)
        direct = tf.saved_model.load(str(scores)).signatures["serving_default"](x=x, bias=bias)
        found = backend.infer([x, bias])
        assert [name for name, _ in found] == ["best", "logits"]
        for name, value in found:
            np.testing.assert_array_equal(value, direct[name].numpy())


def test_inputs_in_a_list_keep_their_order(load: Load, tmp_path: Path) -> None:
    module = tf.Module()
    specs = [tf.TensorSpec([None], tf.float32, name) for name in ("zeta", "alpha")]

    def less(pair: list[Any]) -> Any:
        return {"less": pair[0] - pair[1]}

    module.call = tf.function(less, input_signature=[specs])
    backend = load(save(tmp_path / "less", module, serving_default=module.call), TF)
    assert [spec.name for spec in backend.signature.inputs] == ["zeta", "alpha"]
    arrays = [np.full(1, value, np.float32) for value in (5, 2)]
    assert backend.infer(arrays)[0][1].tolist() == [3]


def test_inputs_whose_order_is_not_told_stand_by_name(load: Load, tmp_path: Path) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        inputs = {name: v1.placeholder(tf.float32, [None]) for name in ("b", "a10", "a9")}
        outputs = {"y": inputs["b"] - inputs["a9"] - inputs["a10"]}
        definition = v1.saved_model.predict_signature_def(inputs, outputs)
        builder = v1.saved_model.Builder(str(tmp_path / "graph"))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": definition})
        builder.save()
    signature = load(tmp_path / "graph", TF).signature
    assert [spec.name for spec in signature.inputs] == ["a9", "a10", "b"]


def test_numbered_outputs_stand_in_their_order(load: Load, tmp_path: Path) -> None:
    backend = load(save(tmp_path / "lines", Lines()), TF)
    found = backend.infer([np.zeros((1, 2), np.float32)])
    assert [name for name, _ in found] == [f"output_{number}" for number in range(12)]
    assert [value[0, 0] for _, value in found] == list(range(12))


def test_a_model_of_no_known_rank_is_not_warmed_up(load: Load, tmp_path: Path) -> None:
    backend = load(identity(tmp_path, tf.float32, None), TF)
    assert backend.signature.inputs == (TensorSpec("x", "float32", None),)
    assert (
        warm_up(backend)[1].skipped
        == "the model does not report the type or shape of its input 'x'"
    )
    assert backend.infer([np.ones((2, 1, 3), np.float32)])[0][1].shape == (2, 1, 3)


@pytest.mark.parametrize(
    ("arguments", "factor"),
    [
        ({}, 2),
        ({"tags": "serve"}, 2),
        ({"tags": "half, serve"}, 0.5),
        ({"tags": ["serve", "half"]}, 0.5),
    ],
)
def test_tags_choose_a_graph(
    load: Load, graphs: Path, arguments: dict[str, object], factor: float
) -> None:
    backend = load(graphs, TF, inferer_args=arguments)
    assert backend.infer([np.array([2, 4], np.float32)])[0][1].tolist() == [2 * factor, 4 * factor]


def test_refuses_tags_and_signatures_that_are_not_there(
    load: Load, scores: Path, graphs: Path, tmp_path: Path
) -> None:
    unsigned = save(tmp_path / "unsigned", tf.Module())
    module = tf.Module()
    for name in ("one", "two"):
        setattr(module, name, Identity(tf.int8).call)
    several = save(tmp_path / "several", module, one=module.one, two=module.two)
    for path, arguments, cause in (
        (graphs, {"tags": "gpu"}, r"no graph has the tags gpu; .*: half, serve; serve$"),
        (scores, {"tags": ["serve", "gpu"]}, "no graph has the tags serve, gpu; .*: serve$"),
        (scores, {"signature": "lower"}, r"'lower'; .* one of: serving_default, upper$"),
        (several, {}, "several signatures; set signature in inferer_args to one of: one, two$"),
        (unsigned, {}, r"the SavedModel has no signature; save it with tf\.saved_model\.save"),
    ):
        with pytest.raises(ModelError, match=cause):
            load(path, TF, inferer_args=arguments)


def test_refuses_wrong_directories(load: Load, scores: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    (cut / "variables").mkdir(parents=True)
    (cut / "saved_model.pb").write_bytes((scores / "saved_model.pb").read_bytes()[:-9])
    text = tmp_path / "text"
    text.mkdir()
    (text / "saved_model.pbtxt").write_text("no model")
    empty = tmp_path / "no graph"
    empty.mkdir()
    (empty / "saved_model.pb").write_bytes(b"\x08\x01")
    lost = tmp_path / "lost"
    lost.mkdir()
    (lost / "saved_model.pb").write_bytes((scores / "saved_model.pb").read_bytes())
    for path, cause in (
        (cut, r"saved_model\.pb: damaged or cut short; copy the file again"),
        (text, r"saved_model\.pbtxt: damaged or cut short"),
        (empty, "the SavedModel holds no graph"),
        (lost, r"lost: [^\n]*variables/variables[^\n]*$"),
        (tmp_path, r"a directory with no saved_model\.pb"),
        (tmp_path / "absent", "no such file or directory"),
        (
            scores / "saved_model.pb",
            r"a part of a TensorFlow SavedModel; give .*: \S+scores$",
        ),
    ):
        with pytest.raises(ModelError, match=cause):
            load(path, TF)


def test_a_model_as_text(load: Load, graphs: Path, tmp_path: Path) -> None:
    from google.protobuf import text_format
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString((graphs / "saved_model.pb").read_bytes())
    path = tmp_path / "text"
    (path / "variables").mkdir(parents=True)
    for file in (graphs / "variables").iterdir():
        (path / "variables" / file.name).write_bytes(file.read_bytes())
    (path / "saved_model.pbtxt").write_text(text_format.MessageToString(model))
    assert load(path, TF).infer([np.ones(1, np.float32)])[0][1].tolist() == [2]


def test_names_the_newest_of_several_versions(load: Load, tmp_path: Path) -> None:
    for version in ("9", "10"):
        identity(tmp_path / version, tf.int8).rename(tmp_path / f"{version}.moved")
        (tmp_path / version).rmdir()
        (tmp_path / f"{version}.moved").rename(tmp_path / version)
    with pytest.raises(ModelError, match=r"a directory of versions of a model; .*/10$"):
        load(tmp_path, TF)


def test_errors_of_a_run_are_one_line(load: Load, tmp_path: Path) -> None:
    backend = load(save(tmp_path / "pairs", Pairs()), TF)
    assert backend.infer([np.ones(2, np.int64)] * 2)[0][1].tolist() == [2, 2]
    with pytest.raises(InputError, match=r"^node \S+: [^\n]*\[2\] vs\. \[3\]$") as raised:
        backend.infer([np.ones(2, np.int64), np.ones(3, np.int64)])
    assert isinstance(raised.value.__cause__, tf.errors.InvalidArgumentError)
    with pytest.raises(InputError, match=r"^node assert\S+: assertion failed: [^\n]+$"):
        backend.infer([np.zeros(2, np.int64)] * 2)


def test_causes_skip_the_trace_of_the_code_that_made_a_node() -> None:
    trace = (
        "Graph execution error:\n\nDetected at node 'a/Mul' defined at (most recent call last):\n"
        '  File "/x/y.py", line 3, in <module>\n\nIncompatible shapes\n'
        "\t [[{{node a/Mul}}]] [Op:__inference_f_1]"
    )
    assert tensorflow_cause(ValueError(trace)) == "node a/Mul: Incompatible shapes"
    assert tensorflow_cause(ValueError("one\ntwo")) == "one"
    assert tensorflow_cause(ValueError("")) == "ValueError"


def test_what_tensors_are_named() -> None:
    assert [name for name, _ in flatten(tf.ones(1))] == ["output"]
    nested = (tf.ones(1), {"k": np.zeros(1), "v": [tf.Variable(1.0)]})
    assert [name for name, _ in flatten(nested)] == ["output_0", "output_1_k", "output_1_v_0"]
    for wrong, cause in ((None, "output is None"), ({"a": "b"}, "output a is of type str")):
        with pytest.raises(ModelError, match=cause):
            flatten(wrong)
    with pytest.raises(ModelError, match="two outputs named a_b"):
        flatten({"a": {"b": tf.ones(1)}, "a_b": tf.ones(1)})
    with pytest.raises(ModelError, match="output y has the unsupported type uint16"):
        to_numpy("y", np.ones(1, np.uint16))


def test_custom_operators(load: Load, tmp_path: Path) -> None:
    arguments = {"customized_op_paths": str(operator_library())}
    backend = load(save_triple(tmp_path / "triple"), TF, inferer_args=arguments)
    assert backend.infer([np.array([1, 2], np.float32)])[0][1].tolist() == [3, 6]


def test_refuses_wrong_arguments(load: Load, scores: Path, tmp_path: Path) -> None:
    library = tmp_path / "ops.so"
    library.write_bytes(b"no library")
    load(scores, TF)
    for arguments, cause in (
        ({"signatures": "x"}, r"'signatures'; did you mean signature\?"),
        ({"inter_op_threads": 0}, "inter_op_threads: Expected `int` >= 1"),
        ({"intra_op_threads": 63}, r"intra_op_threads is .* already and TensorFlow can't change"),
        ({"customized_op_paths": "/absent.so"}, r"/absent\.so: no such file"),
        ({"customized_op_paths": [str(library)]}, r"library of custom operators: .*ops\.so"),
    ):
        with pytest.raises(ModelError, match=cause):
            load(scores, TF, inferer_args=arguments)


def test_devices(load: Load, scores: Path) -> None:
    with pytest.raises(DeviceError, match="device cuda:0: this build of TensorFlow has no CUDA"):
        load(scores, TF, device="cuda")
    with pytest.raises(DeviceError, match="'tpu' is not a device"):
        load(scores, TF, device="tpu")
    inputs = [np.ones((1, 3), np.float32), np.ones((1, 2), np.float32)]
    for device in (None, "original", "original cpu"):
        assert load(scores, TF, device=device).infer(inputs)


def test_a_model_that_only_the_loader_of_tensorflow_1_can_load(load: Load) -> None:
    path = basic_pitch()
    with pytest.raises(AttributeError):
        tf.saved_model.load(str(path))
    backend = load(path, TF)
    assert backend.signature.inputs == (TensorSpec("input_2", "float32", (None, 43844, 1)),)
    assert warm_up(backend)[1].skipped is None
    sound = np.random.default_rng(0).standard_normal((2, 43844, 1), dtype=np.float32)
    found = dict(backend.infer([sound]))
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        graph = v1.saved_model.load(session, ["serve"], str(path))
        outputs = graph.signature_def["serving_default"].outputs
        direct = session.run(
            {name: info.name for name, info in outputs.items()},
            {graph.signature_def["serving_default"].inputs["input_2"].name: sound},
        )
    assert list(found) == ["contour", "note", "onset"] == sorted(direct)
    for name, value in found.items():
        np.testing.assert_array_equal(value, direct[name])
    # The package holds the same network as ONNX, whose operators round differently.
    other = onnxruntime.InferenceSession(str(path.with_suffix(".onnx"))).run(
        None, {"serving_default_input_2:0": sound}
    )
    for values in other:
        assert any(
            value.shape == values.shape and np.allclose(value, values, atol=1e-3)
            for value in found.values()
        )


def test_both_loaders_tell_why_they_failed(load: Load, tmp_path: Path) -> None:
    # The nodes are kept, but the graph names an operator that no library has.
    path = identity(tmp_path, tf.int8)
    file = path / "saved_model.pb"
    file.write_bytes(file.read_bytes().replace(b"Identity", b"Idontity"))
    with pytest.raises(ModelError, match=r"the operator Idontity is not known[^\n]*$"):
        load(path, TF)


FEATURES = {
    "age": tf.io.FixedLenFeature([], tf.int64),
    "sizes": tf.io.FixedLenFeature([3], tf.float32),
    "color": tf.io.FixedLenFeature([1], tf.string),
    "words": tf.io.VarLenFeature(tf.string),
    "rows": tf.io.FixedLenSequenceFeature([2], tf.float32, allow_missing=True),
    "ragged": tf.io.RaggedFeature(tf.int64),
}


class Parser(tf.Module):
    """Parses a batch of serialized examples."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def __call__(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        found = tf.io.parse_example(examples, FEATURES)
        return {"y": tf.cast(found["age"], tf.float32) + tf.reduce_sum(found["sizes"], 1)}


class EachAlone(tf.Module):
    """Parses serialized examples one by one."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def __call__(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        def one(text: tf.Tensor) -> tf.Tensor:
            found = tf.io.parse_single_example(text, FEATURES)
            return tf.cast(found["age"], tf.float32) + tf.reduce_sum(found["sizes"])

        return {"y": tf.map_fn(one, examples, fn_output_signature=tf.float32)}


class EachByAnOldOperator(tf.Module):
    """Parses serialized examples one by one with an operator of earlier versions."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def __call__(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        def one(text: tf.Tensor) -> tf.Tensor:
            *_, (age, sizes) = tf.raw_ops.ParseSingleExample(
                serialized=text,
                dense_defaults=[tf.constant([], tf.int64), tf.constant([], tf.float32)],
                num_sparse=0,
                sparse_keys=[],
                dense_keys=["age", "sizes"],
                sparse_types=[],
                dense_shapes=[[], [3]],
            )
            return tf.cast(age, tf.float32) + tf.reduce_sum(sizes)

        return {"y": tf.map_fn(one, examples, fn_output_signature=tf.float32)}


def save_graph_of_old(path: Path) -> Path:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        texts = v1.placeholder(tf.string, [None], name="in")
        node = tf.raw_ops.ParseExample(
            serialized=texts,
            names=tf.constant([], tf.string),
            sparse_keys=["words"],
            dense_keys=["age", "sizes"],
            dense_defaults=[tf.constant([], tf.int64), tf.constant([], tf.float32)],
            sparse_types=[tf.string],
            dense_shapes=[[], [3]],
        )
        total = tf.cast(node.dense_values[0], tf.float32) + tf.reduce_sum(node.dense_values[1], 1)
        v1.saved_model.simple_save(session, str(path), {"examples": texts}, {"y": total})
    return path


@pytest.mark.parametrize("kind", [Parser, EachAlone, EachByAnOldOperator, None])
def test_models_of_serialized_examples_run_on_one(load: Load, tmp_path: Path, kind: Any) -> None:
    path = save_graph_of_old(tmp_path / "m") if kind is None else save(tmp_path / "m", kind())
    backend = load(path, TF)
    signature, ran = warm_up(backend)
    assert (ran.skipped, signature.tried) == (None, True)
    [spec] = signature.inputs
    assert spec.values is not None
    assert isinstance(spec.values[0], BytesValue)
    example = tf.train.Example.FromString(base64.b64decode(spec.values[0].b64))
    assert list(example.features.feature["sizes"].float_list.value) == [1, 1, 1]
    [limit] = signature.limits
    assert limit.startswith("strings of examples are serialized tf.train.Example: age (int64), ")
    assert "sizes (float32, 3 values)" in limit
    assert dict(backend.infer([example_of(spec)]))["y"].tolist() == [4.0]
    with pytest.raises(InputError, match="Could not parse example input"):
        backend.infer([np.array(["text"], dtype=object)])
