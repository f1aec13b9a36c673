"""What the client for Java comes with: the code of its pages, samples, and messages of GRPS 1.1."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks
from tools.conformance.languages import BUILD_S, LANGUAGES, building, environment_of
from tools.conformance.service import ConformanceService
from tools.repository import ROOT

FOLDER = ROOT / "clients" / "java"
PAGES = (FOLDER / "README.md", DOCS / "clients" / "java.md")
BUILD = ("mvn", "-q", "-DskipTests", "-Dmaven.javadoc.skip=true", "package")
MODULES = ("grps-client", "samples", "grps-api", "samples-api")
HEAD = """\
import io.grps.client.*;
import io.grps.client.errors.*;
import java.nio.file.*;
import java.time.Duration;
import java.util.concurrent.*;

public class Pages {
    static GrpsClient client = new GrpsClient("localhost:7080");
"""
SHORT_RUN = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Options of Java that halve what programs take that soon end."""

pytestmark = pytest.mark.timeout(1200)


def run(variables: Mapping[str, str], *command: str) -> str:
    """Run a command in the client's folder; return its output."""
    ran = subprocess.run(
        command,
        cwd=FOLDER,
        env={**environment_of(variables), "JAVA_TOOL_OPTIONS": SHORT_RUN},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout[-5000:]}\n{ran.stderr[-5000:]}"
    return ran.stdout


@pytest.fixture(scope="module")
def variables(service: ConformanceService) -> Mapping[str, str]:
    """The variables of the service, once all modules are built."""
    with building(LANGUAGES["java"]):
        run({}, *BUILD, "-pl", ",".join(MODULES))
    return service.variables()


def program() -> str:
    """A class with a method for each block of the pages."""
    texts = [block.text for page in PAGES for block in blocks(page) if block.language == "java"]
    assert len(texts) > len(PAGES)
    text = HEAD
    for number, block in enumerate(texts):
        # The README has an import, which can't be in a method.
        lines = (line for line in block.splitlines() if not line.startswith("import "))
        body = "\n".join(lines)
        text += f"static void block{number}() throws Exception {{\n{body}\n}}\n"
    calls = "".join(f"block{number}();\n" for number in range(len(texts)))
    start = "public static void main(String[] arguments) throws Exception"
    return f"{text}{start} {{\n{calls}client.close();\n}}\n}}\n"


def test_the_code_of_its_pages_runs(variables: Mapping[str, str], tmp_path: Path) -> None:
    text = program()
    for old, new in {
        "localhost:7080": variables["GRPS_HTTP"],
        "localhost:7081": variables["GRPS_GRPC"],
        "localhost:7443": variables["GRPS_TLS_HTTP"],
        "ca.pem": variables["GRPS_CA"],
        "image.png": variables["GRPS_CA"],
        '"KEY"': f'"{variables["GRPS_KEY"]}"',
    }.items():
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "Pages.java"
    file.write_text(text, encoding="utf-8")
    path = "samples/target/grps-samples.jar"
    assert run(variables, "java", "-cp", path, str(file)).splitlines()[:3] == ["hello"] * 3


def test_the_samples_run(variables: Mapping[str, str]) -> None:
    def sample(name: str, *arguments: str) -> list[str]:
        jar = "samples/target/grps-samples.jar"
        return run(variables, "java", "-cp", jar, f"io.grps.samples.{name}", *arguments).split()

    http, grpc, file = variables["GRPS_HTTP"], variables["GRPS_GRPC"], variables["GRPS_CA"]
    assert sample("HttpSample", http) == ["hello", "0.1", "0.2", "0.3", "0.4"]
    assert sample("GrpcSample", grpc) == ["hello"]
    assert sample("StreamSample", http) == ["0", "1", "2"]
    assert sample("FileSample", http, file) == [str(Path(file).stat().st_size)]


def test_programs_with_the_messages_of_grps_1_1_run(variables: Mapping[str, str]) -> None:
    jar = "samples-api/target/grps-samples-api.jar"
    stub = run(
        variables, "java", "-cp", jar, "io.grps.samples.api.StubSample", variables["GRPS_GRPC"]
    )
    assert stub.split() == ["SUCCESS", "hello", "0", "1", "2", "SUCCESS"]
    brpc = run(variables, "java", "-jar", jar, variables["GRPS_HTTP"])
    assert brpc.splitlines()[-2:] == ["hello", "[1.0, 2.0]"]
