"""What OpenVINO declares of itself."""

from __future__ import annotations

from grps.backends.common.flags import STREAMS
from grps.backends.common.language.text_files import is_text_model
from grps.backends.engine import NATIVE, Engine, ModelFormat, Verb


def _is_ir(head: bytes) -> bool:
    return b"<net " in head and head.lstrip().startswith((b"<?xml", b"<net "))


ENGINE = Engine(
    name="openvino",
    title="OpenVINO",
    package="openvino",
    extra="openvino",
    distributions=("openvino",),
    verb=Verb(
        name="openvino_serve",
        summary="Put an OpenVINO or ONNX model online, run by OpenVINO.",
        title="Put an OpenVINO or ONNX model online, run by OpenVINO.",
        model="the .xml file of OpenVINO's IR, its .bin beside it, an .onnx file, or the directory "
        "of a model that makes embeddings or ranks texts.",
        examples=(
            "model.xml",
            "model.onnx --streams 2 --intra_op_threads 2",
            "model.xml --device gpu",
            "model.xml --inferer_arg inference_precision=f32",
            "model.xml --native",
            "all-MiniLM-L6-v2/ --model_name minilm",
        ),
    ),
    formats=(
        ModelFormat(
            name="openvino", title="OpenVINO", head=_is_ir, directory_suffixes=(".xml", ".bin")
        ),
        ModelFormat(
            name="text_model",
            title="directory of sentence-transformers",
            in_directory=is_text_model,
            reads_text=True,
            also_verbs=frozenset({"llm_serve"}),
        ),
    ),
    also_serves=("onnx",),
    flags=(STREAMS, NATIVE),
    side_by_side=True,
    default_device="cpu",
    threads="per_run",
    profiles=True,
    streams_on_cpu=True,
)
