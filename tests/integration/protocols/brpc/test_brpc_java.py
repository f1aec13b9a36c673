"""bRPC by the two clients for Java, which nobody here wrote."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import (
    REPOSITORY,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)

SOURCES = Path(__file__).parent / "java_brpc"
PROTOS = ("grps.proto", "grps_brpc.proto")
TOKEN = "the token of operators"
TIMEOUT_S = 300
"""The first time, Maven downloads the clients."""
SHORT_RUN = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Options of Java that halve what programs take that soon end."""
REFLECTION = "--add-opens=java.base/java.lang=ALL-UNNAMED"
"""What brpc-java needs of Java 17."""


def run(*command: str | Path) -> str:
    """Run a command and return its output."""
    done = subprocess.run(
        command,
        check=False,
        cwd=SOURCES,
        env={**os.environ, "JAVA_TOOL_OPTIONS": SHORT_RUN},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, f"{done.stdout[-5000:]}\n{done.stderr[-5000:]}"
    return done.stdout


def compile_clients(folder: Path) -> str:
    """Compile the clients' calls into a folder and return the class path."""
    output = folder / "classpath"
    run("mvn", "-B", "-q", "exec:exec", f"-Dexec.outputFile={output}")
    generated, classes = folder / "generated", folder / "classes"
    generated.mkdir()
    run("protoc", f"-I{REPOSITORY / 'proto'}", f"--java_out={generated}", *PROTOS)
    sources = [*SOURCES.rglob("*.java"), *generated.rglob("*.java")]
    libraries = output.read_text().strip()
    run("javac", "-nowarn", "-proc:none", "-d", classes, "-cp", libraries, *sources)
    return f"{classes}:{libraries}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of user code with an admin token."""
    models = [user_model(name) for name in ("echo", "sleeper", "raiser")]
    conf = {
        "interface": {"framework": "http+brpc", "host": "127.0.0.1", "port": "0,0"},
        "limits": {"header_timeout_ms": 1000},
    }
    folder = tmp_path_factory.mktemp("brpc_java")
    write_user_project(folder, models, conf, dag=["echo-1.0.0"])
    with serving(folder, GRPS_ADMIN_TOKEN=TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def results(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each call has returned, by its name."""
    path = compile_clients(tmp_path_factory.mktemp("java"))
    port = str(server.ports[1])
    output = run("java", REFLECTION, "-cp", path, "brpcclients.Main", port, TOKEN)
    lines = [line.split("\t", 1) for line in output.splitlines() if "\t" in line]
    return dict((name, value) for name, value in lines)


READY = "200 OK"
REFUSED = "send the admin token"
EXPECTED = {
    "brpc.predict": "héllo",
    "brpc.COMPRESS_TYPE_SNAPPY": "true",
    "brpc.COMPRESS_TYPE_GZIP": "true",
    "brpc.COMPRESS_TYPE_ZLIB": "true",
    "brpc.attachment": "raw bytes",
    "brpc.fields": "ValueError: boom from inferer (request id java-id)",
    "brpc.failure": "404",
    "brpc.nope": "failed: there is no method Nope",
    "brpc.async": "100",
    "brpc.live": READY,
    "brpc.ready": READY,
    "brpc.offline": f"failed: {REFUSED}",
    "brpc.server": "true",
    "brpc.model": "true",
    "brpc.operator.offline": READY,
    "brpc.unready": "503 Service Unavailable",
    "brpc.operator.online": READY,
    "jprotobuf.predict": "héllo",
    "jprotobuf.gzip": "true",
    "jprotobuf.snappy": "true",
    "jprotobuf.attachment": "raw bytes",
    "jprotobuf.logged": "500 ValueError: boom from inferer (request id 271828)",
    "jprotobuf.failure": "404 Model nope not found",
    "jprotobuf.late": "failed: ",
    "jprotobuf.nope": "failed: A error occurred: errorCode=1002 ",
    "jprotobuf.ready": READY,
    "jprotobuf.model": "true",
    "jprotobuf.refused": "failed: A error occurred: errorCode=1004 ",
    "jprotobuf.online": READY,
    "jprotobuf.chunks": "true",
    "jprotobuf.gzip.chunks": "true",
    # The connections from before are closed by then.
    "brpc.idle": "again",
    "jprotobuf.idle": "again",
    "end": "ok",
}


def test_every_call_of_both_clients_returns_what_it_should(results: dict[str, str]) -> None:
    unlike = {
        name: results.get(name)
        for name, expected in EXPECTED.items()
        if not (results.get(name) or "").startswith(expected)
    }
    assert unlike == {}
    assert results.keys() == EXPECTED.keys()


def test_a_client_that_ends_leaves_nothing(server: RunningServer, results: dict[str, str]) -> None:
    assert results["end"] == "ok"
    # The call that was given up by its client has ended as well.
    wait_until(lambda: "30" in server.noted("disconnected"), "the sleeper sees that it is alone")
