"""What a service measures of a language model, against what its clients are told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.language.models import smol_model
from tests.support import GUARD_S, RunningServer, serving, wait_until, write_project

MODEL = smol_model()
PLAIN = {"name": "plain", "version": "1.0.0", "inferer_type": "identity"}


def samples(server: RunningServer) -> dict[str, float]:
    """The samples of the model without labels of their own, and its calls by outcome."""
    text = requests.get(server.url("/metrics"), timeout=GUARD_S).text
    return {
        sample.labels.get("outcome", sample.name.removeprefix("grps_model_")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("model") == "smol-1.0.0"
        and (len(sample.labels) == 1 or "outcome" in sample.labels)
    }


def chat(server: RunningServer, text: str, **fields: Any) -> dict[str, Any]:
    """Ask for an answer; return its usage."""
    messages = [{"role": "user", "content": text}]
    body = {"model": "smol", "messages": messages, "temperature": 0, "max_tokens": 12, **fields}
    url = server.url("/v1/chat/completions")
    answer = requests.post(url, json=body, timeout=GUARD_S)
    assert answer.status_code == 200, answer.text
    usage: dict[str, Any] = answer.json()["usage"]
    return usage


def leave(server: RunningServer) -> None:
    """Leave an answer to a long prompt after its first piece, while the cache holds both."""
    body = {"model": "smol", "prompt": [7] * 1000, "stream": True, "ignore_eos": True}
    url = server.url("/v1/completions")
    asked = {**body, "max_tokens": 4000}
    with requests.post(url, json=asked, stream=True, timeout=GUARD_S) as answer:
        assert answer.status_code == 200
        next(answer.iter_content(None))
        assert 0 < samples(server)["cache_usage_ratio"] < 1


def test_tokens_are_those_that_clients_are_told_of(tmp_path: Path) -> None:
    with serving(write_project(tmp_path, [MODEL, PLAIN])) as server:
        before = samples(server)
        assert (before["prompt_tokens_total"], before["generated_tokens_total"]) == (0, 0)
        # No step has said it.
        assert "cache_usage_ratio" not in before
        texts = ["Hello", "Count to three.", "Name a colour. " * 40, "What is the sea?"] * 2
        with ThreadPoolExecutor(8) as pool:
            usages = list(pool.map(lambda text: chat(server, text), texts))
        usages.append(chat(server, "Count to nine.", stop=["4", "e"]))
        prompt = sum(usage["prompt_tokens"] for usage in usages)
        generated = sum(usage["completion_tokens"] for usage in usages)
        told = samples(server)
        assert told["prompt_tokens_total"] == prompt
        assert told["generated_tokens_total"] == generated
        assert told["first_output_seconds_count"] == len(usages)
        assert told["between_outputs_seconds_count"] == generated - len(usages)
        assert (told["ok"], told.get("cancelled", 0)) == (len(usages), 0)
        assert 0 <= told["cache_usage_ratio"] <= 1
        live = requests.get(server.url("/grps/v1/monitor/live"), timeout=GUARD_S).json()
        steps = {model["model"]: model["steps"] for model in live["models"]}
        assert steps["plain-1.0.0"] is None
        tokens = steps["smol-1.0.0"]["tokens"]
        assert (tokens["prompt"], tokens["generated"]) == (prompt, generated)

        # A choice more is a sequence more.
        usage = chat(server, "Hello", n=2, temperature=1)
        two = samples(server)
        assert two["prompt_tokens_total"] == prompt + 2 * usage["prompt_tokens"]
        assert two["generated_tokens_total"] == generated + usage["completion_tokens"]

        leave(server)
        wait_until(lambda: samples(server)["slots_in_use"] == 0, "no slot in use")
        left = samples(server)
        assert (left["ok"], left["cancelled"]) == (len(usages) + 2, 1)
        assert samples(server)["generated_tokens_total"] > two["generated_tokens_total"]
