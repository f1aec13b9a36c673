"""A language model in a process of its own, and what the end of the process costs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
import requests

from tests.integration.language.calls import slots_in_use
from tests.integration.language.models import smol_model
from tests.support import GUARD_S, RunningServer, serving, wait_until, write_project

SENTENCE = "The capital of France is"
CERTAIN: dict[str, Any] = {"model": "smol", "prompt": SENTENCE, "temperature": 0}
ENDLESS = {"ignore_eos": True}


@pytest.fixture(scope="module", params=["openvino_genai", "llamacpp"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    model = smol_model(inferer_type=request.param, isolation="process")
    with serving(write_project(tmp_path_factory.mktemp("process"), [model])) as made:
        yield made


def instance(server: RunningServer) -> dict[str, Any]:
    told = requests.get(server.url("/grps/v1/admin/models"), timeout=GUARD_S).json()["models"]
    [found] = told[0]["instances"]
    return dict(found)


def test_a_killed_engine_fails_its_requests_and_runs_again(server: RunningServer) -> None:
    client = openai.OpenAI(base_url=server.url("/v1"), api_key="none", max_retries=0)
    before = client.completions.create(max_tokens=8, **CERTAIN).choices[0].text
    assert "Paris" in before
    pid, restarts = (instance(server)[key] for key in ("pid", "restarts"))
    assert pid != server.process.pid

    def ask() -> str:
        stream = client.completions.create(
            max_tokens=2000, stream=True, extra_body=ENDLESS, **CERTAIN
        )
        begun.append(next(iter(stream)).choices[0].text)
        try:
            for _ in stream:
                pass
        except openai.APIError as error:
            return str(error)
        return "ended"

    begun: list[str] = []
    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(ask) for _ in range(4)]
        wait_until(lambda: len(begun) == 4, "all have begun")
        os.kill(pid, signal.SIGKILL)
        causes = [one.result() for one in running]
    assert all("the process of instance smol-1.0.0#0 was killed" in cause for cause in causes)
    wait_until(lambda: instance(server)["restarts"] > restarts, "it runs again")
    assert client.completions.create(max_tokens=8, **CERTAIN).choices[0].text == before


def test_a_client_that_leaves_ends_its_sequence(server: RunningServer) -> None:
    client = openai.OpenAI(base_url=server.url("/v1"), api_key="none", max_retries=0)

    stream = client.completions.create(max_tokens=4000, stream=True, extra_body=ENDLESS, **CERTAIN)
    next(iter(stream))
    assert slots_in_use(server) == 1
    stream.close()
    wait_until(lambda: slots_in_use(server) == 0, "the slot is free")
