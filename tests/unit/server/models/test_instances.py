"""Instances that run in threads, behind the real data plane."""

from __future__ import annotations

import ctypes
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import pytest
import requests

from grps.errors import ModelError, StopRequested
from grps.inference.channel import Batch
from grps.server.loading.copies import LoadedCopy
from grps.server.models.backoff import Backoff
from grps.server.models.instance import InstanceState, Life
from grps.server.models.thread_instance import ThreadInstance
from grps.server.native import Model, NativeModel, NativeSettings, Server

SETTINGS = NativeSettings(
    max_connections=64,
    max_concurrency=32,
    max_queue=32,
    max_request_bytes=1 << 20,
    max_inflight_bytes=1 << 20,
    max_header_bytes=16 << 10,
    header_timeout_ms=10_000,
    stream_stall_timeout_ms=10_000,
    stream_idle_timeout_ms=10_000,
    body_timeout_ms=10_000,
    drain_timeout_ms=1000,
    access_log=False,
    custom_routes=(),
    admin_token=None,
    server_metadata="",
    dashboard=b"",
    memory_limit_bytes=1 << 40,
    max_memory_percent=95,
    monitor_log=None,
    logs=[],
    traces=None,
    gpus=[],
    start_online=True,
    io_threads=1,
)
LONG_S = 30.0


@dataclass(eq=False)
class Echo:
    """A runner that answers with what it got, once it may."""

    may_answer: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    raises: BaseException | None = None

    def run(self, batch: Batch) -> None:
        self.begun.set()
        assert self.may_answer.wait(LONG_S)
        if self.raises is not None:
            raise self.raises
        for entry in batch.entries():
            entry.reply_message(entry.message())

    def close(self, timeout_s: float | None) -> bool:
        return True


def ready_echo() -> Echo:
    runner = Echo()
    runner.may_answer.set()
    return runner


@dataclass(frozen=True)
class Service:
    """A model behind a port."""

    server: Server
    model: Model
    port: int

    def ask(self, path: str = "infer/predict") -> requests.Response:
        url = f"http://127.0.0.1:{self.port}/grps/v1/{path}"
        return requests.post(url, json={"str_data": "x"}, timeout=LONG_S)


@pytest.fixture
def service() -> Iterator[Service]:
    server = Server(SETTINGS)
    (port,) = server.start([("127.0.0.1", 0)])
    model = Model(NativeModel("m", "1", False, None, ""))
    server.put_model(model)
    server.set_default(["m-1"])
    server.set_loaded()
    yield Service(server, model, port)
    server.stop()
    server.wait()


def loaded(runner: Echo, threads: int = 1, grows: bool = False) -> ThreadInstance:
    instance = ThreadInstance("m-1#0", lambda: LoadedCopy((runner,) * threads, grows=grows))
    assert instance.load() is None
    return instance


def from_box(box: list[Echo]) -> LoadedCopy:
    """Load a copy to which nothing but the instance refers afterwards."""
    return LoadedCopy((box.pop(),) * 2, grows=True)


def wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_stopped_instance_answers_what_it_runs_and_leaves_the_rest(service: Service) -> None:
    slow, other = Echo(), ready_echo()
    first, second = loaded(slow), loaded(other)
    first.start(service.model, 1)
    with ThreadPoolExecutor(2) as clients:
        running = clients.submit(service.ask)
        assert slow.begun.wait(LONG_S)
        waiting = clients.submit(service.ask)
        wait_for(lambda: service.model.queue_length() == 1)
        assert not first.stop(0.01)
        slow.may_answer.set()
        assert running.result().json()["str_data"] == "x"
        wait_for(lambda: service.ask("health/ready").status_code == 503)
        assert service.model.queue_length() == 1
        second.start(service.model, 1)
        assert waiting.result().json()["str_data"] == "x"
    assert service.ask("health/ready").status_code == 200
    assert second.stop(LONG_S)
    assert second.state() == InstanceState(Life.STOPPED)


@pytest.fixture
def quick_collection() -> Iterator[None]:
    """Leave what other tests have made out of garbage collections."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("quick_collection")
def test_stopping_ends_all_threads_and_frees_the_copy(service: Service) -> None:
    before = threading.active_count()
    for _ in range(50):
        runner = ready_echo()
        gone = weakref.ref(runner)
        instance = ThreadInstance("m-1#0", partial(from_box, [runner]))
        instance.load()
        del runner
        instance.start(service.model, 8)
        assert service.ask().status_code == 200
        assert instance.stop(LONG_S)
        gc.collect()
        assert gone() is None
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "kind", [SystemExit, KeyboardInterrupt, GeneratorExit, StopRequested, BaseException]
)
def test_what_user_code_raises_fails_its_request_only(
    service: Service, kind: type[BaseException]
) -> None:
    runner = ready_echo()
    runner.raises = kind("out of luck")
    instance = loaded(runner)
    instance.start(service.model, 1)
    answer = service.ask()
    assert answer.status_code == 500
    assert f"{kind.__name__}: out of luck" in answer.json()["status"]["msg"]
    runner.raises = None
    assert service.ask().status_code == 200
    assert service.ask("health/ready").status_code == 200
    assert instance.state() == InstanceState(Life.ALIVE)
    assert instance.stop(LONG_S)


def test_an_instance_whose_thread_ends_is_down_and_starts_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Backoff, "delay_s", lambda _self: 2.0)
    instance = loaded(ready_echo())
    instance.start(service.model, 1)
    assert instance.state() == InstanceState(Life.ALIVE)
    (thread,) = (one for one in threading.enumerate() if one.name == "m-1#0.0")
    # As code that limits the time of a call does, too late: between two requests.
    raised = ctypes.py_object(SystemExit)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), raised)
    assert service.ask().status_code == 500
    wait_for(lambda: instance.state().life is Life.DEAD)
    assert instance.state().reason == "SystemExit"
    unready = service.ask("health/ready")
    assert unready.status_code == 503
    assert unready.json()["status"]["msg"] == "instance 'm-1#0.0' is down: SystemExit"
    wait_for(lambda: instance.state().life is Life.ALIVE)
    assert service.ask().status_code == 200
    assert service.ask("health/ready").status_code == 200
    assert instance.state().restarts == 1
    assert instance.stop(LONG_S)


def test_the_second_death_waits_longer_than_the_first() -> None:
    backoff = Backoff()
    assert [backoff.delay_s() for _ in range(12)][:3] == [0.1, 0.2, 0.4]
    assert backoff.delay_s() == 30.0


def test_an_instance_that_hangs_is_named(service: Service) -> None:
    model = Model(NativeModel("slow", "1", False, None, "", hang_timeout_ms=50))
    service.server.put_model(model)
    service.server.set_default(["slow-1"])
    runner = Echo()
    instance = loaded(runner)
    other = loaded(ready_echo())
    other.start(service.model, 1)
    instance.start(model, 1)
    assert service.ask("health/ready").status_code == 200
    with ThreadPoolExecutor(1) as clients:
        running = clients.submit(service.ask)
        wait_for(lambda: service.ask("health/ready").status_code == 503)
        cause = service.ask("health/ready").json()["status"]["msg"]
        assert "instance 'm-1#0.0' hangs: it has worked for 0 s" in cause
        runner.may_answer.set()
        assert running.result().status_code == 200
    wait_for(lambda: service.ask("health/ready").status_code == 200)
    assert instance.stop(LONG_S)
    assert other.stop(LONG_S)


def test_growth_adds_threads_only_while_the_instance_lives(service: Service) -> None:
    runner = Echo()
    instance = loaded(runner, grows=True)
    before = threading.active_count()
    instance.start(service.model, 4)
    with ThreadPoolExecutor(3) as clients:
        answers = [clients.submit(service.ask) for _ in range(3)]
        # One growth thread, the first runner thread, and more as requests wait in vain.
        wait_for(lambda: threading.active_count() - len(answers) - before >= 3)
        runner.may_answer.set()
        assert all(answer.result().status_code == 200 for answer in answers)
    assert instance.stop(LONG_S)
    assert threading.active_count() == before


def test_only_a_loaded_instance_starts(service: Service) -> None:
    instance = ThreadInstance("m-1#0", lambda: LoadedCopy(()))
    assert instance.state() == InstanceState(Life.NEW)
    with pytest.raises(ModelError, match="m-1#0 is started before it is loaded"):
        instance.start(service.model, 1)
