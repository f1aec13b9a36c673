"""Serve a real model with one command and ask it what some files of this repository are."""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

from tools.magika_model import INPUT_NAME, OUTPUT_NAME, FileType, MagikaModel, load_model
from tools.repository import ROOT

Message = dict[str, dict[str, list[dict[str, object]]]]
"""What the demo reads of a response: ``gtensors`` with its ``tensors``."""

NAME = "grps_demo"
MODEL_NAME = "magika"
MODEL = f"{MODEL_NAME}-1.0.0"
GRPST = Path(sys.executable).parent / "grpst"
HOST = "127.0.0.1"
USUAL_PORTS = (7080, 7081)
START_TIMEOUT_S = 120
REQUEST_TIMEOUT_S = 10
FILES = {
    "CONTRIBUTING.md": "markdown",
    "Makefile": "makefile",
    "crates/grps-core/src/tensor/tensor.rs": "rust",
    "proto/grps.proto": "proto",
    "tools/demo.py": "python",
    "grps/_core*.so": "elf",
}
"""Files, or patterns of one, and their types."""


def choose_ports() -> tuple[int, int]:
    """Return the usual two ports if they are free, else two that are."""
    for wanted in (USUAL_PORTS, (0, 0)):
        with ExitStack() as stack, suppress(OSError):
            sockets = [stack.enter_context(socket.socket()) for _ in wanted]
            for opened, port in zip(sockets, wanted, strict=True):
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                opened.bind((HOST, port))
            first, second = (opened.getsockname()[1] for opened in sockets)
            return first, second
    raise OSError(f"no free port on {HOST}")


def request_body(model: MagikaModel, content: bytes) -> dict[str, object]:
    """The predict request for one file: an int32 tensor of shape [1, tokens]."""
    tokens = model.features(content)
    tensor = {
        "name": INPUT_NAME,
        "dtype": "DT_INT32",
        "shape": [1, len(tokens)],
        "flat_int32": tokens,
    }
    return {"gtensors": {"tensors": [tensor]}}


def read_answer(
    model: MagikaModel, answer: dict[str, dict[str, list[dict[str, object]]]]
) -> FileType:
    """The file type that a predict response says.

    Raises:
        RuntimeError: The response has no scores.
    """
    for tensor in answer.get("gtensors", {}).get("tensors", []):
        scores = tensor.get("flat_float32")
        if tensor.get("name") == OUTPUT_NAME and isinstance(scores, list):
            return model.decode(scores)
    raise RuntimeError(f"the response has no tensor {OUTPUT_NAME}: {json.dumps(answer)[:500]}")


def ask(url: str, body: dict[str, object]) -> Message:
    """Send one request and return its response.

    Raises:
        RuntimeError: The server refused it or can't be reached.
    """
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_S) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        cause = error.read(500).decode(errors="replace")
        raise RuntimeError(f"{url} answered {error.code}: {cause}") from error
    except OSError as error:
        raise RuntimeError(f"{url} can't be reached: {error}") from error
    if not isinstance(answer, dict):
        raise RuntimeError(f"{url} answered no message: {answer!r}")
    return answer


def show_files(model: MagikaModel, url: str) -> bool:
    """Ask about every file and print a table; true when all answers are right."""
    width = max(map(len, FILES)) + 2
    print(f"\n  {'file':{width}} {'type':10} confidence   answered in")
    right = True
    for pattern, expected in FILES.items():
        path = next(iter(sorted(ROOT.glob(pattern))), None)
        if path is None:
            raise RuntimeError(f"{pattern} is not in this checkout")
        body = request_body(model, path.read_bytes())
        start = time.perf_counter()
        found = read_answer(model, ask(url, body))
        elapsed_ms = (time.perf_counter() - start) * 1000
        mark = "" if found.label == expected else f"   WRONG: it is {expected}"
        right = right and not mark
        name = str(path.relative_to(ROOT))
        print(f"  {name:{width}} {found.label:10} {found.score:8.1%} {elapsed_ms:10.1f} ms{mark}")
    return right


def show_next(model: MagikaModel, base: str, url: str) -> None:
    """Print how to repeat one request by hand and where the dashboard is."""
    folder = ROOT / ".demo"
    folder.mkdir(exist_ok=True)
    saved = folder / "request.json"
    saved.write_text(json.dumps(request_body(model, (ROOT / "Makefile").read_bytes())))
    print("\nAsk it yourself (the Makefile again):")
    print(f"  curl -H 'Content-Type: application/json' -d @{saved.relative_to(ROOT)} '{url}'")
    print(f"Dashboard:\n  {base}/")


def stop(quiet: bool) -> bool:
    """Stop the demo's service; true when there was one and it stopped."""
    answer = subprocess.run(
        [GRPST, "stop", NAME], check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if answer.returncode != 0 and not quiet:
        print(f"grpst stop {NAME} failed: {answer.stdout}{answer.stderr}", file=sys.stderr)
    return answer.returncode == 0


def run(model: MagikaModel, wait: bool, keep: bool) -> bool:
    """Start the service, ask it, and stop it unless it is to be kept."""
    stop(quiet=True)
    ports = choose_ports()
    command = [str(GRPST), "onnx_serve", str(model.path), "--name", NAME]
    command += ["--model_name", MODEL_NAME]
    command += ["--port", ",".join(map(str, ports)), "--no_logging"]
    print(f"$ grpst {' '.join(command[1:])}", flush=True)
    started = subprocess.run(
        command, check=False, timeout=START_TIMEOUT_S, stdin=subprocess.DEVNULL
    )
    if started.returncode != 0:
        raise RuntimeError(f"grpst onnx_serve ended with {started.returncode}")
    base = f"http://{HOST}:{ports[0]}"
    url = f"{base}/grps/v1/infer/predict?model={MODEL}"
    right = stopped = False
    try:
        right = show_files(model, url)
        show_next(model, base, url)
        if wait:
            with suppress(KeyboardInterrupt, EOFError):
                input("\nServing. Enter or Ctrl-C stops it.")
    finally:
        if keep:
            print(f"\nStill serving; stop it with: grpst stop {NAME}")
        else:
            stopped = stop(quiet=False)
    return right and (keep or stopped)


def main() -> int:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    end = parser.add_mutually_exclusive_group()
    end.add_argument("--stop", action="store_true", help="stop at once, don't wait for Enter")
    end.add_argument("--keep", action="store_true", help="leave the service running")
    options = parser.parse_args()
    wait = sys.stdin.isatty() and not (options.stop or options.keep)
    try:
        fine = run(load_model(), wait, options.keep)
    except (OSError, RuntimeError, ValueError, subprocess.TimeoutExpired) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print("\ndemo: every answer is right" if fine else "\ndemo: FAILED")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
