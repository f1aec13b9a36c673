"""The checks, which run in the environment of the clients: ``python checks.py URL MODEL``."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

QUESTION = "What is the capital of France?"
MESSAGES = [{"role": "user", "content": QUESTION}]
SCHEMA = {
    "title": "City",
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}},
    "required": ["name"],
    "additionalProperties": False,
}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
NO_CALLS = "no form of calls"
"""What the service says if the chat template of the model has no tools."""
CERTAIN = {"temperature": 0, "max_tokens": 64}


def check_chat(chat: Any) -> None:
    """A chat of LangChain: whole, in a stream, several at once, structured, and with tools."""
    whole = chat.invoke(QUESTION)
    text = whole.text
    assert text and whole.usage_metadata["output_tokens"] > 0
    chunks = list(chat.stream(QUESTION))
    assert "".join(chunk.text for chunk in chunks) == text
    totals = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    assert sum(total["output_tokens"] for total in totals) == whole.usage_metadata["output_tokens"]
    assert [answer.text for answer in chat.batch([QUESTION] * 3)] == [text] * 3
    chat.bind_tools([TOOL]).invoke(QUESTION)


def check_structure(chat: Any) -> None:
    """Structured output of LangChain, by the format of the response and by a call."""
    made = chat.with_structured_output(SCHEMA, method="json_schema").invoke(QUESTION)
    assert set(made) == {"name"}, made
    calling = chat.bind_tools([TOOL], tool_choice="weather")
    try:
        [call] = calling.invoke("What is the weather in Paris?").tool_calls
    except Exception as error:
        assert NO_CALLS in str(error), error
        return
    assert (call["name"], set(call["args"])) == ("weather", {"city"})


def check_litellm(litellm: Any, asked: dict[str, Any]) -> None:
    """LiteLLM: whole, in a stream, structured, with tools, and errors."""
    whole = litellm.completion(messages=MESSAGES, **asked)
    text = whole.choices[0].message.content
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(litellm.completion(messages=MESSAGES, **options, **asked))
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == text
    )
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    response_format = {"type": "json_schema", "json_schema": {"name": "City", "schema": SCHEMA}}
    made = litellm.completion(messages=MESSAGES, response_format=response_format, **asked)
    assert '"name"' in made.choices[0].message.content
    try:
        made = litellm.completion(messages=MESSAGES, tools=[TOOL], tool_choice="required", **asked)
    except litellm.BadRequestError as error:
        assert NO_CALLS in str(error), error
    else:
        assert made.choices[0].message.tool_calls[0].function.name == "weather"
    try:
        litellm.completion(messages=MESSAGES, **{**asked, "model": "openai/no-such-model"})
    except litellm.NotFoundError:
        return
    raise AssertionError("an unknown model is no error")


def checks(url: str, model: str, key: str) -> dict[str, Callable[[], None]]:
    """Return the checks by their names."""
    langchain, claude = import_module("langchain_openai"), import_module("langchain_anthropic")
    litellm = import_module("litellm")
    own = {"model": model, "max_retries": 0, **CERTAIN}
    api = {"base_url": f"{url}/v1", "api_key": key, "stream_usage": True}
    chat = langchain.ChatOpenAI(**api, **own)
    responses = langchain.ChatOpenAI(**api, **own, use_responses_api=True)
    messages = claude.ChatAnthropic(base_url=url, api_key=key, **own)
    asked = {"api_base": f"{url}/v1", "api_key": key, **CERTAIN}
    anthropic = {"model": f"anthropic/{model}", "api_base": url, "api_key": key, **CERTAIN}

    def ask_anthropic() -> None:
        answer = litellm.completion(messages=MESSAGES, **anthropic)
        assert answer.choices[0].message.content

    return {
        "LangChain, chats": lambda: check_chat(chat),
        "LangChain, structured output and tools": lambda: check_structure(chat),
        "LangChain, responses": lambda: check_chat(responses),
        "LangChain, Anthropic's messages": lambda: check_chat(messages),
        "LiteLLM": lambda: check_litellm(litellm, {"model": f"openai/{model}", **asked}),
        "LiteLLM, Anthropic's messages": ask_anthropic,
    }


def main() -> int:
    """Run all checks; the exit code is how many failed."""
    url, model = sys.argv[1:]
    failed = 0
    for name, check in checks(url, model, os.environ["API_KEY"]).items():
        try:
            check()
        except Exception:  # the next checks run all the same
            failed += 1
            traceback.print_exc()
            print(f"FAILED {name}")
        else:
            print(f"ok     {name}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
