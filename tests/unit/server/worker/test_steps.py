"""The packets of step models: what server and worker do with good and bad ones."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grps.server.native import Link, Lost, Model, NativeSteps
from grps.server.worker import packets
from grps.server.worker.packets import Blobs, Pipe, StepMeta
from grps.server.worker.steps import StepEntry, WorkerPlan, WorkerStepChannel
from tests.unit.server.worker.played import play_worker, service

STEPS = NativeSteps(
    max_slots=4,
    max_step_cost=None,
    max_chunk=None,
    prefill_input=None,
    state_bytes=0,
    max_state_bytes=None,
    max_steps=1000,
    preemption="save",
    priority_levels=1,
    max_waiting=None,
)


@dataclass
class Played:
    """A worker that the test plays."""

    channel: WorkerStepChannel
    connection: socket.socket


def play(
    model: Model, port: int, worker: Callable[[Played], None]
) -> tuple[requests.Response, Lost | None]:
    """Ask a model once while the test plays its worker; return the answer and what was lost."""
    channel = model.attach_steps("m-1#0", replaced=True)

    def answer(connection: socket.socket, note: int) -> None:
        worker(Played(WorkerStepChannel(Pipe(connection), note), connection))

    return play_worker(channel, channel.abandon, port, answer)


def plan_of(played: Played) -> WorkerPlan:
    plan = played.channel.next()
    assert plan is not None
    return plan


def take(played: Played) -> None:
    """Take a plan, and leave it at that."""
    plan_of(played)


def break_off(played: Played) -> None:
    """Take a plan, and break the protocol."""
    plan_of(played)
    played.connection.send(b"no")


def finish(played: Played) -> None:
    """Make the only step of a sequence, and answer the plan that follows."""
    plan_of(played)
    played.channel.finish([("y", np.zeros(1, np.float32))], [True], [], [], [], None)
    assert [one[2] for one in plan_of(played).ended] == ["finished"]
    played.channel.fail_rows([])


def test_a_sequence_goes_there_and_back() -> None:
    def worker(played: Played) -> None:
        plan = plan_of(played)
        ((row, begun),) = plan.begun
        ((name, array),) = begun.inputs()
        assert (row, name, plan.running, begun.outputs) == (0, "x", 1, [])
        array *= 2
        for one in array:
            played.channel.finish([("y", array[:1] * 0 + one)], [bool(one == 4)], [], [8], [], 0.5)
            plan = plan_of(played)
        assert [one[2] for one in plan.ended] == ["finished"]
        assert begun.entry.is_cancelled()
        assert played.channel.current_request() is None

    with service(steps=STEPS) as (model, port):
        answer, lost = play(model, port, worker)
    (tensor,) = answer.json()["gtensors"]["tensors"]
    assert tensor["flat_float32"] == [2.0, 4.0]
    # The test has left the last plan without an answer.
    assert lost is not None


def stepped(outputs: Any, finished: Any = (), failed: Any = (), sizes: Any = ()) -> Any:
    """What answers the first step with an outcome."""

    def worker(played: Played) -> None:
        plan_of(played)
        meta = [1, outputs, list(finished), list(failed), list(sizes), [], None]
        Pipe(played.connection).send(packets.STEPPED, meta, data())

    return worker


def data() -> Blobs:
    blobs = Blobs()
    blobs.add(b"1234")
    return blobs


FAR = 1 << 62
GOOD = ["y", "float32", [1], [0, 4], None]
UNUSABLE = {
    "beyond the data": stepped([["y", "float32", [17], [0, 68], None]]),
    "overflowing": stepped([["y", "float32", [2], [(1 << 64) - 1, 8], None]]),
    "far beyond": stepped([["y", "float32", [2], [FAR, 8], None]]),
    "wrong shape": stepped([["y", "float32", [3], [0, 4], None]]),
    "unknown type": stepped([["y", "complex64", [1], [0, 4], None]]),
    "other rows": stepped([GOOD, ["z", "float32", [0], [0, 0], None]]),
    "finished rows": stepped([GOOD], finished=[True, False]),
    "failed rows": stepped([GOOD], failed=[[FAR, "no", None]]),
    "sizes": stepped([GOOD], sizes=[1, 2]),
}


@pytest.mark.parametrize("worker", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_outcome_that_can_t_be_used_fails_its_step_only(worker: Any) -> None:
    def continued(played: Played) -> None:
        worker(played)
        # The worker lives: it hears of the end of the sequence.
        meta = Pipe(played.connection).receive()
        assert meta is not None
        assert [one[2] for one in meta.meta(StepMeta).ended] == ["failed"]
        Pipe(played.connection).send(packets.DONE, [2], Blobs())

    with service(steps=STEPS) as (model, port):
        answer, lost = play(model, port, continued)
        assert answer.status_code == 500
        assert lost is None


@pytest.mark.parametrize(
    ("kind", "meta"),
    [
        (packets.STEPPED, [2, [GOOD], [True], [], [], [], None]),
        (packets.STEPPED, [1, [GOOD]]),
        (packets.STEPPED, [1, [GOOD], [], [], [-1], [], None]),
        (packets.STEPPED, [1, [GOOD], [], [], [], [-1]]),
        (packets.ROWS_FAILED, [0, []]),
        (packets.ROWS_FAILED, [1, [[0, "no", 1 << 20]]]),
        (packets.DONE, [7]),
        (packets.REPLY, [1, 0]),
        (77, []),
    ],
)
def test_what_answers_no_step_ends_the_worker(kind: int, meta: Any) -> None:
    def worker(played: Played) -> None:
        plan_of(played)
        Pipe(played.connection).send(kind, meta, data())

    with service(steps=STEPS) as (model, port):
        answer, lost = play(model, port, worker)
    assert answer.status_code == 500
    assert lost is not None
    assert lost.begun
    assert "broke the protocol" in lost.cause
    assert answer.json()["status"]["msg"].startswith("the worker is gone")


def test_a_refused_row_keeps_its_status() -> None:
    def worker(played: Played) -> None:
        plan_of(played)
        played.channel.fail_rows([(0, "not so", 409), (FAR, "nobody", None)])
        plan_of(played)

    with service(steps=STEPS) as (model, port):
        answer, _ = play(model, port, worker)
    assert (answer.status_code, answer.json()["status"]["msg"]) == (409, "not so")


def test_a_worker_that_says_nothing_is_lost() -> None:
    with service(steps=STEPS, hang_timeout_ms=30) as (model, port):
        answer, lost = play(model, port, take)
    assert answer.status_code == 500
    assert lost is not None
    assert lost.cause.startswith("it hangs: it has worked for 0 s without a sign of life")


def test_a_worker_takes_no_sequences_of_another() -> None:
    with service(steps=STEPS) as (model, port):
        _, lost = play(model, port, break_off)
        assert lost is not None
        channel = model.attach_steps("m-1#0")
        with pytest.raises(ValueError, match="sequences of another one"):
            channel.serve(Link(), lost)
        channel.detach()


def test_any_bytes_are_survived() -> None:
    metas = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(0, 1 << 63), st.text(max_size=5)),
        lambda inner: st.lists(inner, max_size=5),
        max_leaves=12,
    )
    tensors = st.lists(metas, max_size=2)
    likely = st.tuples(st.just(1), tensors, st.lists(st.booleans()), metas, metas).map(list)
    described = st.tuples(
        st.integers(0, 12), st.one_of(metas, likely).map(msgspec.msgpack.encode), st.binary()
    )

    with service(steps=STEPS) as (model, port):

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.one_of(st.binary(min_size=1, max_size=60), described))
        def check(sent: bytes | tuple[int, bytes, bytes]) -> None:
            def worker(played: Played) -> None:
                plan_of(played)
                packet = sent
                if not isinstance(packet, bytes):
                    kind, meta, rest = packet
                    body = len(meta).to_bytes(4, "little") + meta
                    body += bytes(-len(body) % packets.ALIGNMENT) + rest
                    packet = packets.HEADER.pack(kind, 0, len(body)) + body
                played.connection.send(packet)
                played.connection.close()

            answer, _ = play(model, port, worker)
            assert answer.status_code in (200, 500)

        check()
        answer, _ = play(model, port, finish)
        assert answer.status_code == 200


def test_what_a_worker_can_t_send_can_still_be_failed() -> None:
    def worker(played: Played) -> None:
        plan_of(played)
        for outputs, sizes in (
            ([("y", np.zeros(1, complex))], []),
            ([("y", np.zeros((1, 2, 3)).transpose(0, 2, 1))], []),
            ([("y", np.zeros(1))], [-1]),
        ):
            with pytest.raises(ValueError, match=r"type|contiguous|bytes"):
                played.channel.finish(outputs, [], [], sizes, [], None)
        played.channel.fail_rows([(0, "as told", None)])
        # It is answered: the next packet is the next plan's.
        played.channel.fail_rows([(0, "twice", None)])
        assert [one[2] for one in plan_of(played).ended] == ["failed"]

    with service(steps=STEPS) as (model, port):
        answer, _ = play(model, port, worker)
    assert answer.json()["status"]["msg"].startswith("as told")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, WorkerStepChannel]]:
    """The server's socket, which the test plays, and a worker's channel."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    note = os.memfd_create("note")
    os.ftruncate(note, 8)
    with ours, theirs:
        yield ours, WorkerStepChannel(Pipe(theirs), note)
    os.close(note)


def sent_plan(number: int, begun: Any = (), ended: Any = ()) -> list[Any]:
    return [number, list(ended), [], [], ([], []), list(begun), [], [], 1]


def sent_begun(sequence: int) -> list[Any]:
    return [0, sequence, ["r", True, False, None, None, None, None], [], []]


def test_a_worker_hears_of_clients_that_leave_only_during_a_step(
    pair: tuple[socket.socket, WorkerStepChannel],
) -> None:
    ours, channel = pair
    server = Pipe(ours)
    server.send(packets.STEP, sent_plan(1, [sent_begun(5)]), Blobs())
    plan = channel.next()
    assert plan is not None
    entry = plan.begun[0][1].entry
    assert not entry.is_cancelled()
    server.send(packets.CANCEL_SEQUENCES, [[4, 5]], Blobs())
    assert entry.is_cancelled()
    channel.finish([], [], [], [], [], None)
    server.send(
        packets.STEP, sent_plan(2, ended=[(0, 5, "cancelled"), (None, 9, "failed")]), Blobs()
    )
    # It does not take the plan away.
    channel.look()
    assert channel.next() is not None
    ours.close()
    assert channel.next() is None


def test_a_sequence_is_answered_by_its_steps_only(
    pair: tuple[socket.socket, WorkerStepChannel],
) -> None:
    ours, channel = pair
    Pipe(ours).send(packets.STEP, sent_plan(1, [sent_begun(5)]), Blobs())
    plan = channel.next()
    assert plan is not None
    entry = plan.begun[0][1].entry
    assert isinstance(entry, StepEntry)
    assert (entry.id, entry.is_streaming(), entry.exchange()) == ("r", True, None)
    refused: list[Callable[[], object]] = [
        lambda: entry.stream_message(b""),
        lambda: entry.push_raw(b""),
        lambda: entry.reply_message(b""),
        lambda: entry.reply_tensors([]),
        lambda: entry.fail("no"),
        lambda: entry.refuse("no"),
        lambda: entry.set_session(1, True),
        entry.end_stream,
    ]
    for refuse in refused:
        with pytest.raises(RuntimeError, match="is answered by StepResult only"):
            refuse()
    assert not entry.is_answered()
