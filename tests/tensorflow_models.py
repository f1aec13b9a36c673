"""Small SavedModels, made without Keras."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

OPERATOR = Path(__file__).with_name("tensorflow_operator.c")


@functools.cache
def operator_library() -> Path:
    """Build a library of a custom operator; a process can load one copy of it only."""
    folder = Path(tempfile.mkdtemp(prefix="grps-operator-"))
    atexit.register(shutil.rmtree, folder)
    library = folder / "operator.so"
    command = ["cc", "-Wall", "-Werror", "-shared", "-fPIC", str(OPERATOR), "-o", str(library)]
    subprocess.run([*command, *tf.sysconfig.get_link_flags()], check=True)
    return library


class Scores(tf.Module):
    """A model of two inputs that are not in the order of the alphabet."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 3], tf.float32, "x"),
            tf.TensorSpec([None, 2], tf.float32, "bias"),
        ]
    )
    def __call__(self, x: Any, bias: Any) -> Any:
        logits = tf.matmul(x, self.weights) - bias
        return {"logits": logits, "best": tf.argmax(logits, axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "texts")])
    def upper(self, texts: Any) -> Any:
        return {"upper": tf.strings.upper(texts), "length": tf.strings.length(texts)}


class Pairs(tf.Module):
    """Adds vectors; fails when they differ in length or the first holds a zero."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.int64, "a"),
            tf.TensorSpec([None], tf.int64, "b"),
        ]
    )
    def __call__(self, a: Any, b: Any) -> Any:
        with tf.control_dependencies([tf.debugging.assert_none_equal(a, tf.constant(0, tf.int64))]):
            return a + b


class Lines(tf.Module):
    """Twelve outputs, whose numbers do not sort as text."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])
    def __call__(self, x: Any) -> Any:
        return tuple(x + float(number) for number in range(12))


class Identity(tf.Module):
    """Returns its input ``x`` of any type."""

    def __init__(self, dtype: Any, shape: Any = (None,)) -> None:
        super().__init__()
        spec = tf.TensorSpec(shape, dtype, "x")
        self.call = tf.function(lambda x: {"y": tf.identity(x)}, input_signature=[spec])


def save_scores(path: Path) -> Path:
    """Write ``Scores`` with its two signatures."""
    module = Scores()
    names = {"serving_default": module.__call__, "upper": module.upper}
    tf.saved_model.save(module, str(path), signatures=names)
    return path


def save(path: Path, module: tf.Module, **signatures: Any) -> Path:
    """Write a module; without signatures, with the one that TensorFlow finds."""
    tf.saved_model.save(module, str(path), signatures=signatures or None)
    return path


def save_triple(path: Path) -> Path:
    """Write a model that needs ``operator_library()``: y = 3x."""
    operators = tf.load_op_library(str(operator_library()))
    module = tf.Module()

    def triple(x: Any) -> Any:
        return {"y": operators.grps_triple(x)}

    module.call = tf.function(triple, input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    return save(path, module, serving_default=module.call)


def save_graphs(path: Path) -> Path:
    """Write two graphs, as TensorFlow 1 does: of the tags serve, and of serve and half."""
    v1 = tf.compat.v1
    builder = v1.saved_model.Builder(str(path))
    for factor, tags in ((2.0, ["serve"]), (0.5, ["serve", "half"])):
        with tf.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, [None], "x")
            y = x * v1.get_variable("one", initializer=1.0) * factor
            session.run(v1.global_variables_initializer())
            definition = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
            signatures = {"serving_default": definition}
            if factor == 2.0:
                builder.add_meta_graph_and_variables(session, tags, signatures)
            else:
                builder.add_meta_graph(tags, signatures)
    builder.save()
    return path


def basic_pitch() -> Path:
    """A real model, which TensorFlow 2.21 can only run as a graph of TensorFlow 1."""
    spec = importlib.util.find_spec("basic_pitch")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "saved_models" / "icassp_2022" / "nmp"


class Examples(tf.Module):
    """Takes serialized examples with a float ``x`` and an optional text ``name``."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def classify(self, inputs: Any) -> Any:
        features = {
            "x": tf.io.FixedLenFeature([], tf.float32),
            "name": tf.io.FixedLenFeature([], tf.string, "none"),
        }
        parsed = tf.io.parse_example(inputs, features)
        classes = tf.stack([parsed["name"], tf.fill(tf.shape(inputs), "other")], axis=1)
        return {"classes": classes, "scores": tf.stack([parsed["x"], 1 - parsed["x"]], axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def regress(self, inputs: Any) -> Any:
        parsed = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([], tf.float32)})
        return {"outputs": tf.expand_dims(parsed["x"] * 2 + 1, 1)}


def save_examples(path: Path) -> Path:
    """Write ``Examples`` with its two signatures."""
    module = Examples()
    return save(path, module, classify=module.classify, regress=module.regress)
