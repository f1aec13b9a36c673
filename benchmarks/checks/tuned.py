"""Whether settings of ``grpst tune`` hold their limit when another tool sends the requests.

``python -m benchmarks.checks.tuned`` writes a project with a model of dense layers and has
``grpst tune --apply`` change a copy of it. It starts both with ``grpst start``, and vegeta or k6
sends requests to each by turns, at equal distances and at the rate at which the search confirmed
its result. Run it on an idle machine: on another one ``grpst tune`` gives no verdict. The model is
so slow that the tool, which shares the processors with it, uses a part of them that is shown: of
two processors, vegeta a fifteenth and k6 a fifth. With k6, ask for that much less by ``--share``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.checks.generators import SHARES, Figures, k6, vegeta
from benchmarks.load import LOOPBACK, grpst, write_project
from benchmarks.tuning.sweep import save_mlp
from grps.deploy.paths import HOME_VARIABLE, ServiceFolder
from grps.perf import Content, Target, make_requests
from grps.server.state import ServiceState

INPUT, OUTPUT = 256, 64
"""Sizes of the rows of requests and replies."""
MODEL = "dense"
TUNED, DEFAULT = "tuned", "default"
TOOLS = {"vegeta": vegeta, "k6": k6}
_PERCENTILE = SHARES.index(99)
_WARM_UP_S = 2.0
_NO_VERDICT = 3


@dataclass(frozen=True, slots=True)
class Found:
    """What ``grpst tune`` has found.

    Attributes:
        verdict: ``better``, ``keep`` or ``none``.
        rate: Requests per second that it says its result holds.
        text: What it says of its result.
    """

    verdict: str
    rate: int
    text: str


class Home:
    """A folder with projects, and with the services that are started from them."""

    def __init__(self, folder: Path, hidden: int) -> None:
        """Write the project and a copy of it."""
        self._folder = folder
        save_mlp(folder / "dense.onnx", (INPUT, hidden, hidden, OUTPUT))
        model = {"name": MODEL, "version": "1.0.0", "inferer_type": "onnxruntime"}
        model |= {"inferer_path": str(folder / "dense.onnx"), "converter_type": "numpy"}
        write_project(folder / DEFAULT, "", {"models": [model]}, LOOPBACK)
        shutil.copytree(folder / DEFAULT, folder / TUNED)

    def grpst(self, *words: str) -> None:
        """Run ``grpst`` with the services of this folder.

        Raises:
            RuntimeError: It failed.
        """
        environment = {**os.environ, HOME_VARIABLE: str(self._folder / "services")}
        command = [grpst(), *words]
        shown = None if words[0] == "tune" else subprocess.PIPE
        done = subprocess.run(
            command, env=environment, stdout=shown, stderr=shown, text=True, check=False
        )
        if done.returncode not in (0, _NO_VERDICT):
            raise RuntimeError(f"grpst {' '.join(words)} failed: {done.stderr or ''}")

    def tune(self, slo_ms: float, flags: list[str]) -> Found:
        """Change the copy of the project by what ``grpst tune`` finds."""
        result = self._folder / "result.json"
        limit = ("--slo", f"p99={slo_ms:g}ms")
        project = str(self._folder / TUNED)
        self.grpst("tune", project, *limit, "--apply", "--json", str(result), *flags)
        if not result.exists():
            return Found("none", 0, "grpst tune wrote no result")
        told = json.loads(result.read_text())
        rate = told["goodput"]["tuned"] or told["goodput"]["default"] or 0
        text = f"{told['gain']}; {told['reason']}; {told['changes']}"
        return Found(told["verdict"], round(rate), text)

    @contextmanager
    def serving(self, name: str) -> Iterator[Target]:
        """Start the service of a project until the block ends."""
        self.grpst("start", str(self._folder / name), "--name", name, "--no_logging")
        try:
            folder = ServiceFolder(name, self._folder / "services" / name)
            state = ServiceState.read(folder.state)
            assert state is not None
            yield Target("127.0.0.1", state.ports[0])
        finally:
            self.grpst("stop", name)


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent to services.

    Attributes:
        tool: What sends it, of ``TOOLS``.
        rate: Requests per second.
        seconds: For how long.
    """

    tool: str
    rate: int
    seconds: float

    def send(self, target: Target) -> tuple[Figures, float]:
        """Send the requests of ``grpst tune``; return the processors that the tool used, too."""
        prepared = make_requests("http", target, MODEL, Content(batch=1), streaming=False)
        before_s = _ended_cpu_s()
        base = f"http://{target.address}"
        found = TOOLS[self.tool](base, prepared.requests, self.rate, self.seconds)
        return found, (_ended_cpu_s() - before_s) / self.seconds


def _ended_cpu_s() -> float:
    """Return the CPU time of child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(home: Home, found: Found, limit_ms: float, repeats: int, load: Load) -> bool:
    """Send requests by turns; return whether the tuned service held the limit each time."""
    names = (TUNED, DEFAULT) if found.verdict == "better" else (DEFAULT,)
    print(f"{load.tool} at {load.rate} requests/s; the limit is p99={limit_ms:g}ms")
    percentiles = "".join(f"   p{share} ms" for share in SHARES)
    print(f"service   {percentiles}   max ms  failed  CPUs of {load.tool}")
    holds = {name: 0 for name in names}
    with ExitStack() as stack:
        targets = {name: stack.enter_context(home.serving(name)) for name in names}
        for target in targets.values():
            replace(load, seconds=min(_WARM_UP_S, load.seconds)).send(target)
        for turn in range(repeats):
            for name in names if turn % 2 == 0 else names[::-1]:
                one, cpus = load.send(targets[name])
                holds[name] += one.ms[_PERCENTILE] <= limit_ms and not one.failed
                values = "".join(f"{value:9.1f}" for value in (*one.ms, one.max_ms))
                print(f"{name:<10}{values}{one.failed:>8}{cpus:>13.2f}", flush=True)
    for name, count in holds.items():
        print(f"{name}: held the limit in {count} of {repeats}")
    return holds[names[0]] == repeats


def main() -> int:
    """Tune, measure and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checks.tuned", description=__doc__)
    parser.add_argument("--slo_ms", type=float, default=100, help="the limit of the p99")
    parser.add_argument("--tool", choices=TOOLS, default="vegeta", help="what sends")
    parser.add_argument("--share", type=float, default=1.0, help="of the rate that tune says")
    parser.add_argument("--seconds", type=float, default=15, help="length of one measurement")
    parser.add_argument("--repeats", type=int, default=3, help="measurements of each service")
    parser.add_argument("--hidden", type=int, default=8192, help="size of the hidden layers")
    parser.add_argument("--force", action="store_true", help="tune on a busy machine, too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(name), given.hidden)
        flags = ["--fresh", *(["--force"] if given.force else [])]
        found = home.tune(given.slo_ms, flags)
        print(f"grpst tune: {found.verdict}: {found.text}", flush=True)
        if found.verdict == "none" or not found.rate:
            return _NO_VERDICT
        load = Load(given.tool, round(found.rate * given.share), given.seconds)
        return int(not compare(home, found, given.slo_ms, given.repeats, load))


if __name__ == "__main__":
    sys.exit(main())
