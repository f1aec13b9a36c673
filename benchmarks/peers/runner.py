"""Start a server, check it, load it, read its CPU time, stop it."""

import contextlib
import fcntl
import importlib.util
import json
import os
import resource
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.peers import load, paths, workloads
from benchmarks.peers.api import Endpoint, Launch, Skip
from benchmarks.peers.probe import probe
from benchmarks.peers.proctree import ProcessTree, machine_cpu

Row = dict[str, Any]


@dataclass
class Options:
    """What the command line asked for."""

    seconds: int = 8
    warmup: int = 2
    repeat: int = 1
    pin: bool = False
    smoke: bool = False
    start_timeout: float = 90
    variants: list[str] | None = None
    conc: dict[str, tuple[int, ...]] | None = None

    def concurrency(self, workload: str) -> tuple[int, ...]:
        """Return the concurrency levels of a workload."""
        return (self.conc or workloads.CONCURRENCY)[workload]


# ---------------------------------------------------------------- launchers
def server_names() -> list[str]:
    """Return all launchers, sorted."""
    return sorted(p.stem for p in paths.SERVERS.glob("[!_]*.py"))


def load_server(name: str) -> ModuleType:
    """Import one launcher from servers/."""
    file = paths.SERVERS / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"bench_server_{name}", file)
    if spec is None or spec.loader is None or not file.exists():
        raise Skip(f"no launcher servers/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def resolve(name: str, workload: str) -> ModuleType:
    """Return a launcher, following `delegate` (used by the limit rows)."""
    module = load_server(name)
    delegate = getattr(module, "delegate", None)
    return load_server(delegate(workload)) if delegate else module


def versions(module: ModuleType) -> dict[str, str | None]:
    """Return the installed versions of the launcher's packages."""
    code = (
        "import importlib.metadata as m, json, sys\n"
        "found = {}\n"
        "for p in sys.argv[1:]:\n"
        "    try: found[p] = m.version(p)\n"
        "    except m.PackageNotFoundError: found[p] = None\n"
        "print(json.dumps(found))"
    )
    python = paths.venv_python(module.VENV)
    try:
        done = subprocess.run(
            [str(python), "-c", code, *getattr(module, "PACKAGES", [])],
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, str | None] = json.loads(done.stdout)
    except (OSError, subprocess.CalledProcessError):
        return {}
    return found


def server_env(module: ModuleType, workload: str, extra: dict[str, str]) -> dict[str, str]:
    """Return the environment a server is started with."""
    env = dict(
        os.environ,
        BENCH_HOME=str(paths.HOME),
        BENCH_WORKLOAD=workload,
        PYTHONPATH=str(paths.APPS),
        PYTHONDONTWRITEBYTECODE="1",
        OMP_NUM_THREADS="2" if workload == "W4" else "1",
    )
    env["PATH"] = f"{paths.venv_python(module.VENV).parent}:{env['PATH']}"
    env.update(extra)
    return env


# ---------------------------------------------------------------- lock
@contextlib.contextmanager
def machine_lock(enabled: bool) -> Iterator[None]:
    """Hold BENCH_HOME/lock so that two benchmarks never run at once."""
    if not enabled:
        yield
        return
    with open(paths.LOCK, "a") as handle:
        begin = time.monotonic()
        fcntl.flock(handle, fcntl.LOCK_EX)
        if time.monotonic() - begin > 1:
            print(f"# waited {time.monotonic() - begin:.0f} s for the lock", flush=True)
        yield


# ---------------------------------------------------------------- one server
def format_row(row: Row) -> str:
    """Render a result row for the terminal."""

    def number(key: str, spec: str) -> str:
        value = row.get(key)
        return "-" if value is None else format(value, spec)

    text = (
        f"{row['server']:<12} {row.get('variant', '-'):<9} {row['workload']} "
        f"c={row.get('conc', 0):<3} {number('rps', '.1f'):>9} req/s "
        f"p50 {number('p50', '.2f')} p99 {number('p99', '.2f')} ms "
        f"cpu {number('cpu_ms_per_req', '.3f')} ms/req "
        f"client {number('client_cpu_ms_per_req', '.3f')} "
        f"rss {row.get('rss_mb') or 0:.0f} MB err {row.get('errors', '-')}"
    )
    if row.get("chunks_s"):
        text += f" chunks/s {row['chunks_s']:.0f} ttfc {number('ttfc_p50', '.2f')} ms"
        text += f" gap {number('gap_p50', '.2f')} {number('gap_p99', '.2f')} ms"
        text += f" cpu {number('cpu_us_per_chunk', '.2f')} us/chunk"
    if row.get("error"):
        text += f" ! {str(row['error'])[:160]}"
    return text


class Session:
    """One (server, workload) pair while its server runs."""

    def __init__(self, name: str, workload: str, options: Options, rows: list[Row]) -> None:
        self.name, self.workload = name, workload
        self.options, self.rows = options, rows
        self.module = resolve(name, workload)
        self.base: Row = {"server": name, "workload": workload, "pin": options.pin}
        via = self.module.__name__.removeprefix("bench_server_")
        if via != name:
            self.base["via"] = via

    def add(self, **values: Any) -> Row:
        """Record and print one row."""
        row = {**self.base, **values}
        self.rows.append(row)
        print(format_row(row), flush=True)
        return row

    def run(self) -> None:
        """Run the pair; rows are appended as they come."""
        launch: Launch | None = self.module.launch(self.workload)
        if launch is None:
            raise Skip(f"{self.name} does not do {self.workload}")
        if not paths.venv_python(self.module.VENV).exists() and self.module.PACKAGES:
            raise Skip(f"no venv '{self.module.VENV}' (run setup.sh)")
        self.base["versions"] = versions(self.module)
        log_path = paths.LOGS / f"{self.name}_{self.workload}.log"
        with open(log_path, "wb") as log:
            if getattr(self.module, "LOCAL", False):
                self._run_local(launch, log)
            else:
                self._run_server(launch, log)

    def _run_local(self, launch: Launch, log: Any) -> None:
        """Run an in-process loop that prints one JSON line per result."""
        env = server_env(self.module, self.workload, launch.env)
        seconds = 0.2 if self.options.smoke else self.options.seconds
        done = subprocess.run(
            load.pin_prefix(self.options.pin, 0) + launch.argv + ["--seconds", str(seconds)],
            check=False,
            env=env,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            timeout=seconds * 20 + 120,
        )
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                self.add(**json.loads(line))

    def _run_server(self, launch: Launch, log: Any) -> None:
        """Start the server, load all its endpoints, stop it."""
        tag = uuid.uuid4().hex
        env = server_env(self.module, self.workload, launch.env)
        env["BENCH_TAG"] = tag
        begin = time.perf_counter()
        process = subprocess.Popen(
            load.pin_prefix(self.options.pin, 0) + launch.argv,
            env=env,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd=launch.cwd or paths.TMP,
        )
        tree = ProcessTree(process.pid, f"BENCH_TAG={tag}")
        try:
            endpoints = self._endpoints()
            if endpoints and self._wait_ready(endpoints, process, begin):
                self._load_all(endpoints, tree)
        finally:
            tree.kill()
            process.poll()
            left = tree.living()
            if left:
                print(f"  !! left running: {left}", flush=True)

    def _endpoints(self) -> list[Endpoint]:
        wanted = self.options.variants
        found = self.module.endpoints(self.workload)
        return [e for e in found if not wanted or e.variant in wanted]

    def _wait_ready(
        self, endpoints: list[Endpoint], process: subprocess.Popen[bytes], begin: float
    ) -> bool:
        """Wait until some endpoint answers correctly."""
        note = "no listener"
        daemon = getattr(self.module, "DAEMON", False)
        turn = broken_streams = 0
        while time.perf_counter() - begin < self.options.start_timeout:
            if process.poll() is not None and not daemon:
                note = f"exited {process.returncode}"
                break
            endpoint = endpoints[turn % len(endpoints)]
            if listening(endpoint.port):
                right, note, _ = probe(endpoint, 10)
                if right:
                    self.base["startup_s"] = time.perf_counter() - begin
                    return True
                turn += 1
                broken_streams += note.endswith("chunks")
                if broken_streams == 5:
                    break
            time.sleep(0.1)
        self.add(variant=endpoints[0].variant, conc=0, error=f"not ready: {note}")
        return False

    def _load_all(self, endpoints: list[Endpoint], tree: ProcessTree) -> None:
        """Check and load every endpoint of the running server."""
        self.base["idle_rss_mb"] = tree.rss() / 1e6
        tree.watch()
        print(
            f"# {self.name} {self.workload} ready in {self.base['startup_s']:.2f} s, "
            f"idle rss {self.base['idle_rss_mb']:.0f} MB, "
            f"{len(tree.members())} processes, {self.base['versions']}",
            flush=True,
        )
        with tempfile.TemporaryDirectory() as tmp:
            for endpoint in endpoints:
                self._load_endpoint(endpoint, tree, Path(tmp))
        if self.rows and self.rows[-1]["server"] == self.name:
            self.rows[-1]["pss_mb"] = tree.pss() / 1e6

    def _load_endpoint(self, endpoint: Endpoint, tree: ProcessTree, tmp: Path) -> None:
        """Check one endpoint, then load it at every concurrency."""
        right, note, size = probe_until_right(endpoint)
        if not right:
            self.add(variant=endpoint.variant, conc=0, error=f"check failed: {note}")
            return
        if self.options.smoke:
            print(f"  ok {self.name} {self.workload} {endpoint.variant}", flush=True)
            return
        for repetition in range(self.options.repeat):
            for conc in self.options.concurrency(self.workload):
                warmup = self.options.warmup if repetition == 0 else 1
                row = self._measure(endpoint, tree, tmp, conc, warmup, size)
                self.add(variant=endpoint.variant, conc=conc, rep=repetition, **row)
        right, note, _ = probe(endpoint)
        if not right:
            print(f"  !! {endpoint.variant} is wrong after load: {note}", flush=True)
            self.rows[-1]["error"] = f"wrong after load: {note}"

    def _measure(
        self,
        endpoint: Endpoint,
        tree: ProcessTree,
        tmp: Path,
        conc: int,
        warmup: int,
        size: int,
    ) -> Row:
        """Warm up, drain, load once and account CPU time per request."""
        opts = self.options
        if warmup:
            load.run(endpoint, conc, warmup, tmp, opts.pin)
        drain(tree)
        tree.peak_rss = 0
        tree.rss()
        server_before, client_before, first_before = tree.cpu(), children_cpu(), tree.first_cpu()
        (busy_before, steal_before), begin = machine_cpu(), time.perf_counter()
        row = load.run(endpoint, conc, opts.seconds, tmp, opts.pin, size)
        server = tree.cpu() - server_before
        client, first = children_cpu() - client_before, tree.first_cpu() - first_before
        (busy, steal), elapsed = machine_cpu(), time.perf_counter() - begin
        row["server_cores"] = server / elapsed
        row["other_cores"] = (busy - busy_before - server - client) / elapsed
        row["steal_cores"] = (steal - steal_before) / elapsed
        tree.rss()
        row["rss_mb"] = tree.peak_rss / 1e6
        if row.get("n"):
            row["cpu_ms_per_req"] = server * 1e3 / row["n"]
            row["client_cpu_ms_per_req"] = client * 1e3 / row["n"]
        if row.get("all_chunks"):
            row["cpu_us_per_chunk"] = server * 1e6 / row["all_chunks"]
            row["first_cpu_us_per_chunk"] = first * 1e6 / row["all_chunks"]
        return row


def listening(port: int) -> bool:
    """Tell whether something accepts connections on a local port."""
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def probe_until_right(endpoint: Endpoint) -> tuple[bool, str, int]:
    """Probe up to five times, a second apart."""
    for _ in range(4):
        right, note, size = probe(endpoint)
        if right:
            return right, note, size
        time.sleep(1)
    return probe(endpoint)


def drain(tree: ProcessTree) -> None:
    """Wait until requests that the warm-up abandoned have been served."""
    for _ in range(40):
        before = tree.cpu()
        time.sleep(0.1)
        if tree.cpu() - before < 0.03:
            return


def children_cpu() -> float:
    """Return CPU seconds of our finished children (the load generators)."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def bench_pair(name: str, workload: str, options: Options, rows: list[Row], locked: bool) -> None:
    """Benchmark one (server, workload) pair; a skip is recorded, not raised."""
    try:
        with machine_lock(locked):
            Session(name, workload, options, rows).run()
    except Skip as skip:
        print(f"# skipped {name} {workload}: {skip}", flush=True)
        rows.append({"server": name, "workload": workload, "conc": 0, "skipped": str(skip)})
