"""The route of GRPS 1.1's plugin for language models: its parameters, and user code there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import requests

from tests.integration.language.models import smol_model
from tests.support import GUARD_S, RunningServer, serving, user_model, write_user_project

ASKED: dict[str, Any] = {
    "model": "smol",
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
    "max_tokens": 24,
    "temperature": 0,
}
TEMPLATE = """{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>

{% endif %}"""
PLUGIN = '''
import json

from grps import ModelInferer, inferer_register


class Plugin(ModelInferer):
    """Answers as a plugin of GRPS 1.1 does: it reads the body and streams the response itself."""

    def init(self, path, device=None, args=None): pass
    def load(self): return True

    def infer(self, inp, context):
        asked = context.get_http_request().get_json()
        if not asked.get("stream"):
            context.set_http_response(json.dumps({"own": asked["model"], "bad": asked.get("bad")}))
            return
        for text in ("Hel", "lo"):
            chunk = {
                "id": "own", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
            }
            context.customized_http_stream_respond(f"data: {json.dumps(chunk)}\\n\\n")
        context.customized_http_stream_respond("data: [DONE]\\n\\n", final=True)


inferer_register.register("plugin", Plugin())
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("native")
    template = folder / "template.jinja"
    template.write_text(TEMPLATE)
    model = smol_model(inferer_args={"chat_template": str(template)})
    with serving(write_user_project(folder, [model], code="")) as made:
        yield made


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("plugin")
    route = {
        "path": "/v1/chat/completions",
        "customized_body": True,
        "streaming_ctrl": {
            "ctrl_mode": "body_param",
            "ctrl_key": "stream",
            "res_content_type": "text/event-stream",
        },
    }
    interface = {"framework": "http", "host": "127.0.0.1", "port": "0"}
    settings = {"interface": {**interface, "customized_predict_http": route}}
    write_user_project(folder, [user_model("plugin")], settings, code=PLUGIN)
    with serving(folder) as made:
        yield made


def ask(server: RunningServer, **changes: Any) -> requests.Response:
    body = {**ASKED, **changes}
    return requests.post(server.url("/v1/chat/completions"), json=body, timeout=GUARD_S)


def text_of(response: requests.Response) -> str:
    return str(response.json()["choices"][0]["message"]["content"])


def test_parameters_of_the_plugin(server: RunningServer) -> None:
    extra = {"top_k": 50, "repetition_penalty": 1.0, "beam_width": 1, "bad": [], "end_id": -1}
    plain = ask(server)
    assert ask(server, seed=3, min_length=0, **extra).json()["choices"] == plain.json()["choices"]
    assert text_of(ask(server, repetition_penalty=2.0)) != text_of(plain)
    one = ask(server, temperature=2, top_k=1)
    assert text_of(one) == text_of(plain), "the likeliest token is the only one"


def test_end_id_ends_the_answer(server: RunningServer) -> None:
    whole = text_of(ask(server))
    body = {"model": "smol", "prompt": " Paris", "add_special_tokens": False}
    made = requests.post(server.url("/tokenize"), json=body, timeout=GUARD_S).json()
    [token] = made["tokens"]
    ended = ask(server, end_id=token)
    # A token with text is part of the answer, as with stop_token_ids.
    assert text_of(ended) == whole[: whole.index(" Paris")] + " Paris"
    assert ended.json()["choices"][0]["finish_reason"] == "stop"


def test_min_length_holds_the_end_back(server: RunningServer) -> None:
    usage = ask(server).json()["usage"]["completion_tokens"]
    assert usage < 20, "the answer ends by itself"
    longer = ask(server, min_length=20).json()
    assert longer["usage"]["completion_tokens"] >= 20


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"beam_width": 2}, "beam_width"),
        ({"bad": ["Paris"]}, "bad"),
        ({"bad_words": ["Paris"]}, "bad_words"),
        ({"end_id": -2}, "end_id"),
        ({"min_length": 25}, "min_length"),
        ({"enable_thinking": "no"}, "enable_thinking"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_can_not_be_done_is_named(
    server: RunningServer, changes: dict[str, Any], param: str, stream: bool
) -> None:
    response = ask(server, stream=stream, **changes)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)
    assert param in response.json()["error"]["message"] or param == "beam_width"


def test_enable_thinking_reaches_the_template(server: RunningServer) -> None:
    def prompt_tokens(**changes: Any) -> int:
        return int(ask(server, max_tokens=1, **changes).json()["usage"]["prompt_tokens"])

    plain = prompt_tokens()
    assert prompt_tokens(enable_thinking=True) == plain
    without = prompt_tokens(enable_thinking=False)
    assert without > plain
    assert prompt_tokens(chat_template_kwargs={"enable_thinking": False}) == without


def test_the_route_of_user_code_takes_the_path(plugin: RunningServer) -> None:
    client = openai.OpenAI(base_url=plugin.url("/v1"), api_key="none", max_retries=0)
    chunks = client.chat.completions.create(
        model="m", messages=ASKED["messages"], stream=True, extra_body={"beam_width": 4}
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello"
    whole = ask(plugin, bad=["Paris"])
    assert json.loads(whole.text) == {"own": "smol", "bad": ["Paris"]}
    assert client.models.list().data == [], "the other routes stay"
