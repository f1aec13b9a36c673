"""The side-by-side benchmark: requests, checks of answers, tables, and GRPS under it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers import chats, report, wire, workloads
from benchmarks.peers.runner import server_names
from grps.protocol.arrays import to_arrays
from grps.protocol.pb.grps_pb2 import GrpsMessage

ROOT = Path(__file__).resolve().parents[2]


def test_handwritten_messages_are_messages() -> None:
    text = GrpsMessage.FromString(wire.grps_text("hello", "echo-1.0.0"))
    assert (text.str_data, text.model) == ("hello", "echo-1.0.0")
    message = GrpsMessage.FromString(wire.grps_tensor(workloads.IMAGE, "mean-1.0.0"))
    ((_, array),) = to_arrays(message)
    np.testing.assert_array_equal(array, workloads.IMAGE)
    assert wire.grpc_unframe(wire.grpc_frame(b"abc")) == b"abc"
    for cut in (b"", b"\0\0\0\0", wire.grpc_frame(b"abc")[:-1]):
        with pytest.raises(ValueError, match="message"):
            wire.grpc_unframe(cut)


def test_only_right_answers_pass() -> None:
    right = workloads.check("W2")
    means = workloads.MEANS
    assert right(json.dumps({"y": [means.tolist()]}).encode())
    assert right(b"head" + means.astype("<f4").tobytes())
    assert not right(json.dumps({"y": (means * 1.1).tolist()}).encode())
    assert not right(means[::-1].astype("<f4").tobytes())
    assert not right(b"")
    assert workloads.check("W1")(b'{"x":"hello world"}')
    assert not workloads.check("W1")(b'{"x":"hello"}')


def test_tables_show_the_limit_first_and_pool_repeats(tmp_path: Path) -> None:
    def row(server: str, rps: float, **more: object) -> dict[str, object]:
        base = {"server": server, "workload": "W1", "variant": "json", "conc": 1, "rps": rps}
        return {**base, "p50": 1.0, "p99": 2.0, "cpu_ms_per_req": 0.5, "rss_mb": 10, **more}

    rows = [
        row("slow", 10.0),
        row("fast", 100.0),
        row("fast", 300.0),
        row("limit", 50.0, via="nginx"),
        {"server": "absent", "workload": "W1", "conc": 0, "skipped": "no venv"},
    ]
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"meta": {"cores": 2}, "rows": rows}))
    meta, found = report.read_files([file, file])
    assert meta == {"cores": 2}
    assert len(found) == 10
    lines = report.table("W1", found[:5])
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| **limit** (nginx)",
        "| fast",
        "| slow",
    ]
    assert "| 200.0 [100.0..300.0] |" in lines[3]
    assert report.notes(rows) == ["- absent: no venv"]


def test_chats_have_a_table_of_their_own() -> None:
    base = {"server": "grps", "workload": "W6", "variant": "mock", "conc": 64, "rps": 1.0}
    row = {**base, "chunks_s": 12800, "gap_p50": 5.0, "gap_p99": 6.5, "cpu_us_per_chunk": 4.5}
    lines = report.table("W6", [row])
    assert lines[-1] == "| grps | mock | 64 | 12800 | - | 5.00 | 6.50 | 4.50 | - | - | 0 |"
    assert lines[0].count("|") == lines[-1].count("|")


def test_the_servers_are_listed() -> None:
    assert {"grps", "limit", "litserve", "mosec", "triton", "uvicorn_sse"} <= set(server_names())


def test_every_token_of_a_chat_is_counted(tmp_path: Path) -> None:
    out = tmp_path / "chats.json"
    command = [sys.executable, "-m", "benchmarks.peers", "--servers", "limit,grps"]
    command += ["--workloads", "W6", "--conc", "4", "--seconds", "1", "--warmup", "0"]
    command += ["--out", str(out)]
    environment = {**os.environ, "BENCH_HOME": str(tmp_path)}
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True, timeout=120)
    *loops, chat = json.loads(out.read_text())["rows"]
    assert [(one["via"], one["conc"]) for one in loops] == [("step_loop", n) for n in (1, 8, 64)]
    # A stream with another number of tokens is an error.
    assert (chat["variant"], chat["conc"], chat["errors"]) == ("mock", 4, 0)
    streams, rest = divmod(chat["all_chunks"], chats.TOKENS)
    assert streams >= 4
    assert rest == 0
    assert chat["cpu_us_per_chunk"] > 0 < chat["gap_p50"]


def test_grps_answers_its_workloads_rightly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.peers", "--smoke", "--servers", "grps"]
    command += ["--workloads", "W1,W2,W5,W6", "--variants", "grps-json,http,mock"]
    environment = {**os.environ, "BENCH_HOME": str(tmp_path)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    told = [line.split() for line in done.stdout.splitlines() if line.startswith("  ok")]
    assert told == [
        ["ok", "grps", "W1", "grps-json"],
        ["ok", "grps", "W2", "grps-json"],
        ["ok", "grps", "W5", "http"],
        ["ok", "grps", "W6", "mock"],
    ], done.stdout + done.stderr
