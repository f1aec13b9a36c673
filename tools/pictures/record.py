"""Records what pictures are drawn from: ``python -m tools.pictures.record [service|tune ...]``.

``service`` serves ``project/``, sends it requests for over a minute, opens its page as the pictures
have it, and keeps what the page asked with the answers. ``tune`` searches
settings for a model. Both want a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from playwright.sync_api import Browser, Request, Response

from grps.cli.tune.subject import read_subject
from grps.tune import Search, read_goal, tune
from tools.demo import GRPST, HOST, choose_ports
from tools.pictures.browser import EVEN_TEXT, SECONDS, chromium, window
from tools.pictures.load import load
from tools.pictures.recording import (
    LIVE,
    METRICS,
    MONITOR,
    OUTCOME,
    SERIES,
    SERVICE,
    TRENDS,
    Answer,
    Recording,
    key_of,
)
from tools.pictures.scenes import Scene, nothing, scenes
from tools.repository import ROOT

NAME = "documents"
PROJECT = Path(__file__).parent / "project"
DOCUMENTS = ("README.md", "Makefile", "CHANGELOG.md", "pyproject.toml", "tools/demo.py")
"""What clients send: the beginnings of these files."""
MOST_BYTES = 4000
PREDICT = "/grps/v1/infer/predict"
WARM_S = 66
"""For so long requests are sent before: the charts show a minute."""
LOOK_S = 2.5
ACT_MS = 20_000
SPANS = ("minute", "hour")
NAMES_AT_ONCE = 100
LOG_LINES = 60
KEPT_HEADERS = ("ETag", "X-Grps-Timing", "X-Request-Id")
SLO = ("p99=50ms",)
TUNED = "ch_ppocr_mobile_v2.0_cls_mobile.onnx"
TUNE_S = 90.0


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """Serve the project; the value is its address."""
    ports = choose_ports()
    environment = {**os.environ, "GRPS_HOME": str(home), "PYTHONPATH": str(ROOT)}
    project = shutil.copytree(
        PROJECT, home / "source", ignore=shutil.ignore_patterns("__pycache__")
    )
    options = ["--name", NAME, "--port", f"{ports[0]},{ports[1]}", "--host", HOST, "--no_logging"]
    subprocess.run([GRPST, "start", project, *options], check=True, env=environment)
    try:
        yield f"http://{HOST}:{ports[0]}"
    finally:
        subprocess.run([GRPST, "stop", NAME], check=True, env=environment)


def documents() -> list[bytes]:
    """Return what clients send."""
    return [(ROOT / name).read_bytes()[:MOST_BYTES] for name in DOCUMENTS]


def fetch(url: str) -> Any:
    """Return what a route of the service answers, as JSON."""
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


def rounded(value: Any) -> Any:
    """Return JSON with at most five digits of what is no whole number, which keeps it small."""
    if isinstance(value, float) and abs(value) < 1e6:
        return float(f"{value:.5g}")
    if isinstance(value, list):
        return [rounded(one) for one in value]
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return value


def series_of(address: str) -> tuple[dict[str, dict[str, Any]], dict[str, msgspec.Raw]]:
    """Return the points of all trends by span, and the values of all distributions."""
    names = fetch(f"{address}{MONITOR}/names")
    trends: dict[str, dict[str, Any]] = {span: {} for span in SPANS}
    for span in SPANS:
        for first in range(0, len(names), NAMES_AT_ONCE):
            some = [("name", name) for name in names[first : first + NAMES_AT_ONCE]]
            query = urllib.parse.urlencode([("span", span), *some])
            trends[span] |= rounded(fetch(f"{address}{TRENDS}?{query}"))
    others = {}
    for name in [name for name, points in trends[SPANS[0]].items() if points is None]:
        query = urllib.parse.urlencode({"name": name})
        values = rounded(fetch(f"{address}{SERIES}?{query}")["data"])
        others[name] = msgspec.Raw(msgspec.json.encode(values))
    return {
        span: {name: points for name, points in found.items() if points is not None}
        for span, found in trends.items()
    }, others


def watch(address: str) -> tuple[list[msgspec.Raw], list[str]]:
    """Return the state and the metrics of the service, second by second."""
    live, metrics = [], []
    began = time.monotonic()
    for second in range(SECONDS + 1):
        time.sleep(max(0, began + second - time.monotonic()))
        live.append(msgspec.Raw(msgspec.json.encode(rounded(fetch(f"{address}{LIVE}")))))
        with urllib.request.urlopen(f"{address}{METRICS}", timeout=10) as response:
            metrics.append(response.read().decode())
    return live, metrics


class Listener:
    """Keeps what a page asks, with the answers."""

    def __init__(self, folders: dict[str, str]) -> None:
        """Begin to listen.

        Args:
            folders: Names of folders of this machine, and what is recorded in their place.
        """
        self.answers: dict[str, Answer] = {}
        self._folders = folders

    def note(self, response: Response) -> None:
        """Keep an answer, if it is none that the recording has anyway."""
        path = urlsplit(response.url).path
        request = response.request
        if (
            not path.startswith("/")
            or path in ("/", LIVE, METRICS, TRENDS, SERIES)
            or response.status == 304
        ):
            return
        body = response.text()
        for folder, shown in self._folders.items():
            body = body.replace(folder, shown)
        if path.endswith("/logs"):
            body = "".join(body.splitlines(keepends=True)[-LOG_LINES:])
        headers = response.headers
        timing = request.timing
        took = timing["responseEnd"] - timing["requestStart"]
        self.answers[key_of(request.method, response.url)] = Answer(
            body,
            headers.get("content-type", ""),
            {name: headers[name.lower()] for name in KEPT_HEADERS if name.lower() in headers},
            round(took, 1) if request.method == "POST" else 0,
        )

    def look(self, browser: Browser, address: str, scene: Scene) -> None:
        """Open the page as a picture has it."""
        with window(browser, scene) as page:
            page.on("requestfinished", lambda request: self._finished(request.response()))
            page.goto(f"{address}/#{scene.hash}")
            page.wait_for_timeout(1000 * LOOK_S)
            if scene.act is nothing:
                return
            with page.expect_request_finished(_is_sent, timeout=ACT_MS):
                scene.act(page)
            page.wait_for_timeout(1000 * LOOK_S)

    def _finished(self, response: Response | None) -> None:
        if response is not None and not response.url.startswith(("blob:", "data:")):
            self.note(response)


def _is_sent(request: Request) -> bool:
    return request.method == "POST"


def record_service(_: bool) -> None:
    """Record the page's answers under load."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        folders = {str(home): "/srv/grps", str(ROOT): "/srv", sys.prefix: "/srv/venv"}
        listener = Listener(folders)
        with serving(home) as address, load(f"{address}{PREDICT}", documents()):
            time.sleep(WARM_S)
            live, metrics = watch(address)
            trends, others = series_of(address)
            with chromium(*EVEN_TEXT) as browser:
                for scene in scenes():
                    if scene.source == "service" and scene.theme == "light":
                        listener.look(browser, address, scene)
    recording = Recording(NAME, live, metrics, trends, others, listener.answers)
    SERVICE.write_bytes(lzma.compress(msgspec.json.encode(recording, order="sorted")))


def record_tune(force: bool) -> None:
    """Record a search for settings, on a busy machine too if it is forced."""
    package = find_spec("rapidocr")
    if package is None or package.origin is None:
        raise FileNotFoundError("run: pip install --no-deps rapidocr")
    file = Path(package.origin).parent / "models" / TUNED
    subject = read_subject(str(file), None, None)
    config = msgspec.structs.replace(subject.config, name="text_direction")
    goal = read_goal(SLO, "throughput", None)
    shapes = {"x": (1, 3, 48, 192)}
    search = Search(
        config=config, goal=goal, shapes=shapes, max_time_s=TUNE_S, fresh=True, force=force
    )
    outcome = tune(search, lambda phase, text: print(f"{phase}: {text}"))
    text = msgspec.json.encode(outcome, order="sorted").decode()
    for folder, shown in ((sys.prefix, "/srv/venv"), (str(ROOT), "/srv")):
        text = text.replace(folder, shown)
    OUTCOME.write_bytes(msgspec.json.format(text.encode(), indent=0) + b"\n")


def main() -> None:
    """Record what is named, or both."""
    known = {"service": record_service, "tune": record_tune}
    parser = argparse.ArgumentParser(prog="python -m tools.pictures.record", description=__doc__)
    parser.add_argument("what", nargs="*", choices=known, help="default: both")
    parser.add_argument("--force", action="store_true", help="tune on a busy machine too")
    arguments = parser.parse_args()
    for name in arguments.what or known:
        known[name](arguments.force)


if __name__ == "__main__":
    main()
