"""The checks, which run in the environment of vLLM: ``python checks.py``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from socket import socket
from typing import Any

import psutil

from grps.deploy.supervision.services import find
from tools.vllm_engine.model import write_adapter, write_model

PROMPT = "The capital of France is"
MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]
CERTAIN: dict[str, Any] = {"model": "smol", "temperature": 0, "max_tokens": 24}
ENDLESS: dict[str, Any] = {"model": "smol", "prompt": PROMPT, "max_tokens": 900, "stream": True}
CONTEXT = 1024
START_S, GUARD_S = 1200.0, 600.0
STREAMS, TOKENS = 8, 64


class Service:
    """A running service."""

    def __init__(self, name: str, port: int) -> None:
        """Call the service of a name at a port."""
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        openai = import_module("openai")
        self.openai = openai
        self.client = openai.OpenAI(
            base_url=f"{self.url}/v1", api_key="none", max_retries=0, timeout=GUARD_S
        )

    def pid(self) -> int:
        """Return the process of the server."""
        state = find(self.name).state
        assert state is not None
        return state.pid

    def processes(self) -> list[psutil.Process]:
        """Return the processes of the engine: its core, and the workers of that."""
        below = psutil.Process(self.pid()).children(recursive=True)
        return [one for one in below if "resource_tracker" not in " ".join(one.cmdline())]

    def slots_in_use(self) -> float:
        """Return how many sequences run."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=GUARD_S) as answer:
            lines = answer.read().decode().splitlines()
        found = [line for line in lines if line.startswith("grps_model_slots_in_use")]
        return sum(float(line.rpartition(" ")[2]) for line in found)


def grpst(*words: str) -> list[str]:
    """Return a command of the tool."""
    return [sys.executable, "-m", "grps.cli.main", *words]


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    end = time.monotonic() + GUARD_S
    while not holds():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.1)


@contextmanager
def serving(verb: str, model: Path, **arguments: Any) -> Iterator[Service]:
    """Serve a model in the background."""
    with closing(socket()) as first, closing(socket()) as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in (first, second)]
    name = f"check_{verb}"
    words = [verb, str(model), "--name", name, "--model_name", "smol", "--no_logging"]
    words += ["--port", ",".join(map(str, ports)), "--timeout", str(START_S), "--device", "cpu"]
    words += ["--max_batch_size", str(STREAMS)]
    for key, value in arguments.items():
        words += ["--inferer_arg", f"{key}={json.dumps(value)}"]
    subprocess.run(grpst(*words), check=True)
    try:
        yield Service(name, ports[0])
    finally:
        subprocess.run(grpst("stop", name), check=False)


def texts_of(service: Service) -> list[str]:
    """Return greedy texts of some prompts."""
    prompts = [PROMPT, "Once upon a time", "1, 2, 3, 4,"]
    asked = {"temperature": 0, "max_tokens": 48, "model": "smol"}
    answer = service.client.completions.create(prompt=prompts, **asked)
    return [choice.text for choice in answer.choices]


def check_streams(service: Service) -> None:
    """A stream says what the whole answer says; lengths and stop strings end one."""
    chats = service.client.chat.completions
    whole = chats.create(messages=MESSAGES, **CERTAIN)
    assert "Paris" in whole.choices[0].message.content, whole
    chunks = list(chats.create(messages=MESSAGES, stream=True, **CERTAIN))
    parts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(parts) == whole.choices[0].message.content
    short = chats.create(messages=MESSAGES, **{**CERTAIN, "max_tokens": 2})
    assert (short.choices[0].finish_reason, short.usage.completion_tokens) == ("length", 2)
    stopped = chats.create(messages=MESSAGES, stop="Paris", **CERTAIN)
    assert "Paris" not in stopped.choices[0].message.content
    models = [one.id for one in service.client.models.list()]
    assert models == ["other", "smol"], models


def check_sampling(service: Service) -> None:
    """Several choices, seeds, biases, penalties, and log-probabilities."""
    chats = service.client.chat.completions
    asked = {**CERTAIN, "n": 3, "seed": 7, "temperature": 1.5, "max_tokens": 12}
    first, second = (chats.create(messages=MESSAGES, **asked) for _ in range(2))
    texts = [choice.message.content for choice in first.choices]
    assert texts == [choice.message.content for choice in second.choices]
    assert len(set(texts)) > 1, texts
    likely = {**CERTAIN, "logprobs": True, "top_logprobs": 3}
    answer = chats.create(messages=MESSAGES, **likely)
    content = answer.choices[0].logprobs.content
    assert len(content) == answer.usage.completion_tokens
    for one in content:
        assert len(one.top_logprobs) == 3 and one.logprob == one.top_logprobs[0].logprob, one
    some = {"top_p": 0.9, "presence_penalty": 0.5, "frequency_penalty": 0.5, "temperature": 0.8}
    extra = {"top_k": 20, "min_p": 0.05, "repetition_penalty": 1.1, "min_tokens": 4}
    chats.create(messages=MESSAGES, extra_body=extra, **{**CERTAIN, **some})
    forced = chats.create(messages=MESSAGES, logit_bias={"5": 100}, **{**CERTAIN, "max_tokens": 3})
    plain = chats.create(messages=MESSAGES, **{**CERTAIN, "max_tokens": 3})
    assert forced.choices[0].message.content != plain.choices[0].message.content


def check_structure(service: Service) -> None:
    """Schemas, regular expressions, grammars and choices; wrong ones get 400."""
    chats, errors = service.client.chat.completions, service.openai

    def ask(**extra: Any) -> str:
        answer = chats.create(messages=MESSAGES, extra_body=extra, **CERTAIN)
        return str(answer.choices[0].message.content)

    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "boolean"}}}
    schema |= {"required": ["a"], "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    assert isinstance(json.loads(ask(response_format=wanted))["a"], bool)
    assert set(ask(guided_regex="[ab]{3}")) <= {"a", "b"}
    assert ask(guided_choice=["Rome", "Paris"]) in ("Rome", "Paris")
    assert ask(guided_grammar='start: "x" ("y" | "z")') in ("xy", "xz")
    wrong_schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "no"}}}
    for extra in (
        {"guided_regex": "("},
        {"guided_grammar": "start: ("},
        {"response_format": wrong_schema},
    ):
        refused(errors.BadRequestError, partial(ask, **extra))
    assert ask(guided_choice=["Rome"]) == "Rome"


def refused(kind: type[Exception], ask: Callable[[], Any]) -> str:
    """Return the error of a request that must be refused."""
    try:
        answer = ask()
    except kind as error:
        return str(error)
    raise AssertionError(f"not refused: {answer}")


def check_limits(service: Service) -> None:
    """Prompts that are too long, and clients that leave."""
    completions, errors = service.client.completions, service.openai
    long = {"model": "smol", "max_tokens": 1}
    completions.create(prompt=[1] * (CONTEXT - 1), **long)
    text = refused(errors.BadRequestError, lambda: completions.create(prompt=[1] * CONTEXT, **long))
    assert str(CONTEXT) in text, text
    stream = completions.create(**ENDLESS, extra_body={"ignore_eos": True})
    next(iter(stream))
    assert service.slots_in_use() == 1
    stream.close()
    wait_until(lambda: service.slots_in_use() == 0, "the slot of a client that left is free")


def check_adapter(service: Service) -> None:
    """An adapter is a model of its own name."""
    asked = {"prompt": PROMPT, "temperature": 0, "max_tokens": 12}
    one, other, again = (
        service.client.completions.create(model=name, **asked).choices[0].text
        for name in ("smol", "other", "smol")
    )
    assert one == again != other, (one, other)


def check_killed_core(service: Service) -> None:
    """A killed engine core fails its requests with the cause, and starts again."""
    completions = service.client.completions
    before = texts_of(service)
    stream = completions.create(**ENDLESS, extra_body={"ignore_eos": True})
    next(iter(stream))
    [core] = [one for one in service.processes() if "EngineCore" in " ".join(one.cmdline())]
    core.send_signal(signal.SIGKILL)
    error = refused(service.openai.APIError, lambda: list(stream))
    assert "the engine core of vLLM was killed by signal 9" in error, error
    assert texts_of(service) == before


def measure(service: Service) -> str:
    """Return tokens per second, alone and together, and CPU of the service for each token."""
    asked = {"model": "smol", "prompt": PROMPT, "temperature": 0, "max_tokens": TOKENS}
    server = psutil.Process(service.pid())

    def ask(_: int) -> int:
        answer = service.client.completions.create(**asked, extra_body={"ignore_eos": True})
        return int(answer.usage.completion_tokens)

    said = []
    for count in (1, STREAMS):
        cpu, began = server.cpu_times(), time.monotonic()
        with ThreadPoolExecutor(count) as threads:
            tokens = sum(threads.map(ask, range(count)))
        spent, after = time.monotonic() - began, server.cpu_times()
        own_us = (after.user + after.system - cpu.user - cpu.system) / tokens * 1e6
        said.append(f"{count} at once: {tokens / spent:.0f} tokens/s, {own_us:.0f} us/token")
    return "; ".join(said)


def check_end_of_service(service: Service) -> None:
    """The processes of the engine end with a service that is killed."""
    processes = service.processes()
    assert processes
    os.kill(service.pid(), signal.SIGKILL)
    psutil.wait_procs(processes, timeout=GUARD_S)
    assert not [one for one in processes if one.is_running()], processes


def run(name: str, check: Callable[[], Any]) -> int:
    """Run one check; return 1 if it failed."""
    began = time.monotonic()
    try:
        said = check()
    except Exception:  # the next checks run all the same
        traceback.print_exc()
        print(f"FAILED {name}", flush=True)
        return 1
    print(f"ok     {name} ({time.monotonic() - began:.0f} s){said or ''}", flush=True)
    return 0


def main() -> int:
    """Run all checks; the exit code is how many failed."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRPS_HOME"] = f"{folder}/home"
        model = write_model(Path(folder, "model"))
        adapter = write_adapter(Path(folder, "adapter"), model)
        with serving("llm_serve", model, dtype="float32", context_length=CONTEXT) as decoder:
            wanted = texts_of(decoder)
        vllm = {"dtype": "float32", "context_length": CONTEXT, "cache_size_gb": 0.5}
        vllm |= {"enforce_eager": True, "adapters": {"other": str(adapter)}}
        with serving("vllm_serve", model, **vllm) as service:
            failed = run("the tokens of the decoder", lambda: _same(texts_of(service), wanted))
            for name, check in (
                ("streams", check_streams),
                ("sampling", check_sampling),
                ("structured output", check_structure),
                ("limits", check_limits),
                ("adapters", check_adapter),
                ("speed", lambda one: ": " + measure(one)),
                ("a killed engine core", check_killed_core),
                ("the end of the service", check_end_of_service),
            ):
                failed += run(name, partial(check, service))
    return failed


def _same(found: list[str], wanted: list[str]) -> None:
    assert found == wanted, (found, wanted)


if __name__ == "__main__":
    sys.exit(main())
