"""Messages about configuration keys, for someone who gave flags."""

from __future__ import annotations

import pytest

from grps.cli.serving.flag_words import speaking_of_flags, with_flags
from grps.errors import ModelError


@pytest.mark.parametrize(
    ("engine", "text", "told"),
    [
        (
            "tensorflow",
            "set signature in inferer_args to one of: a",
            "set --signature to one of: a",
        ),
        ("tensorflow", "set tags in inferer_args to those", "set --tags to those"),
        ("sklearn", "set inferer_args: trusted: true (--trusted)", "set --trusted"),
        ("torch", "in inferer_args: customized_op_paths", "in --customized_op_paths"),
        ("torch", "inferer_args: inputs: no input", "--inferer_arg inputs: no input"),
        ("torch", "inferer_args: streams: Expected", "--inferer_arg streams: Expected"),
        ("openvino", "inferer_args: streams: Expected", "--streams: Expected"),
        ("torch", "inferer_args: unknown key 'a'", "--inferer_arg: unknown key 'a'"),
        ("torch", "inferer_args: inferer_args: Expected", "--inferer_arg: Expected"),
        ("torch", "set converter_args: size", "set --converter_arg size"),
        ("torch", "in converter_args: constants", "in --converter_arg constants"),
        ("torch", "use batching.type none", "use --batching_type none"),
        ("torch", "set max_batch_size to 8", "set --max_batch_size to 8"),
        (
            "onnxruntime",
            "/a b/my_grps/conf/inference.yml:15: models[0].converter_path: needed because "
            "converter_type is 'text': give the tokenizer.json",
            "--converter_path: needed because --converter 'text': give the tokenizer.json",
        ),
        ("torch", "/h/conf/inference.yml:3: models[0].name: no", "--model_name: no"),
        ("torch", "/h/conf/inference.yml:3: models[0].batching.type: no", "--batching_type: no"),
        ("torch", "/h/conf/inference.yml:3: models[0].inferer_args.a: no", "--inferer_arg a: no"),
        ("torch", "/h/conf/server.yml:9: interface.port: no", "--port: no"),
        ("torch", "/h/conf/server.yml:9: max_concurrency: no", "--max_concurrency: no"),
        ("torch", "/data/conf/other.yml:9: broken", "/data/conf/other.yml:9: broken"),
        ("torch", "batching.type dynamic: it can't", "--batching_type dynamic: it can't"),
        ("torch", "set max_batch_size to 3", "set --max_batch_size to 3"),
        ("torch", "no CUDA; use device: cpu", "no CUDA; use --device cpu"),
        ("torch", "the file is damaged", "the file is damaged"),
    ],
)
def test_keys_become_flags(engine: str, text: str, told: str) -> None:
    assert with_flags(text, engine) == told


def test_errors_of_a_block() -> None:
    with (
        pytest.raises(ModelError, match=r"^set --signature to one$"),
        speaking_of_flags("tensorflow"),
    ):
        raise ModelError("set signature in inferer_args to one")
