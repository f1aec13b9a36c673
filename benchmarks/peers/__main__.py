"""Side-by-side benchmark of model-serving frameworks; see README.md."""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks.peers import paths, runner, workloads

FAILURES = (
    OSError,
    ValueError,
    LookupError,
    RuntimeError,
    AttributeError,
    ImportError,
    subprocess.SubprocessError,
)


def parse_conc(text: str | None) -> dict[str, tuple[int, ...]] | None:
    """Parse "1,8" (all workloads) or "W1=1,8,32;W4=1,4"."""
    if not text:
        return None
    found = dict(workloads.CONCURRENCY)
    for part in text.split(";"):
        names, _, values = part.rpartition("=")
        levels = tuple(int(v) for v in values.split(","))
        for workload in names.split(",") if names else list(found):
            found[workload] = levels
    return found


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--servers", default="all", help="comma list, or all")
    add("--workloads", default="W1,W2,W3,W4,W5")
    add("--variants", help="only these endpoint variants, e.g. raw,oip-grpc")
    add("--conc", help='"1,8" or "W1=1,8,32;W4=1,4"')
    add("--seconds", type=int, default=8, help="length of a measurement")
    add("--warmup", type=int, default=2)
    add("--repeat", type=int, default=1)
    add("--pin", action="store_true", help="server on CPU 0, client on CPU 1")
    add("--smoke", action="store_true", help="only start and check the answers")
    add("--no-lock", action="store_true", help="the caller holds the lock")
    add("--start-timeout", type=float, default=90)
    add("--out", type=Path, help="result file (default: under BENCH_HOME/results)")
    add("--list", action="store_true", help="list the servers")
    return parser.parse_args()


def meta() -> dict[str, Any]:
    """Describe the machine, without paths."""
    model = "?"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def main() -> None:
    """Run all asked pairs and write the results."""
    args = parse_args()
    if args.list:
        print("\n".join(runner.server_names()))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    paths.ensure_dirs()
    options = runner.Options(
        seconds=args.seconds,
        warmup=args.warmup,
        repeat=args.repeat,
        pin=args.pin,
        smoke=args.smoke,
        start_timeout=args.start_timeout,
        variants=args.variants.split(",") if args.variants else None,
        conc=parse_conc(args.conc),
    )
    all_names = runner.server_names()
    names = all_names if args.servers == "all" else args.servers.split(",")
    out = args.out or paths.RESULTS / f"{time.strftime('%Y%m%d_%H%M%S')}.json"
    rows: list[dict[str, Any]] = []
    for workload in args.workloads.split(","):
        for name in names:
            try:
                runner.bench_pair(name, workload, options, rows, not args.no_lock)
            except FAILURES as error:  # one broken server must not stop the rest
                traceback.print_exc(limit=-2)
                rows.append({"server": name, "workload": workload, "error": repr(error)})
            if not args.smoke:
                out.write_text(json.dumps({"meta": meta(), "rows": rows}, indent=1))
    if not args.smoke:
        print(f"# wrote {os.path.relpath(out)}")


if __name__ == "__main__":
    main()
