"""Build the images of an ONNX model with podman, run them without rights, and measure them.

It makes the base images itself with debootstrap, in a folder that it deletes at the end, and asks
no registry of images. It needs root, podman, runc and debootstrap, and takes some minutes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import onnx
from onnx import TensorProto, helper

PROGRAMS = ("podman", "runc", "debootstrap")
MIRROR = "http://deb.debian.org/debian"
SUITE = "bookworm"
BASES = {
    "build": ("ca-certificates", "python3", "python3-venv"),
    "python": ("ca-certificates", "python3"),
    "native": ("ca-certificates",),
}
"""Packages of the base images: in which packages are installed, of the images with Python and
without."""
USER = "54321:54321"
READY_TIMEOUT_S = 120.0
CERTIFICATES = "/etc/ssl/certs"
PROJECT = {
    "inference.yml": "models:\n"
    "  - {name: double, version: 1.0.0, inferer_type: onnxruntime, inferer_path: double.onnx,\n"
    "     inferer_args: {native: true}, converter_type: numpy, device: cpu}\n"
    "dag: {type: sequential, name: d, nodes: [{name: n, type: model, model: double-1.0.0}]}\n",
    "server.yml": "interface: {framework: http, host: 0.0.0.0, port: 17480}\n",
}
PORT = 17480


class Podman:
    """Podman with a store of its own."""

    def __init__(self, folder: Path) -> None:
        """Use a store in ``folder``."""
        self._command = [
            *("podman", "--root", str(folder / "store"), "--runroot", str(folder / "run")),
            *("--runtime", "runc", "--cgroup-manager", "cgroupfs"),
        ]

    def run(self, *words: str) -> str:
        """Run a command; return what it prints.

        Raises:
            subprocess.CalledProcessError: It fails.
        """
        found = subprocess.run([*self._command, *words], check=True, stdout=subprocess.PIPE)
        return found.stdout.decode().strip()

    def build(self, context: Path, image: str, *words: str) -> None:
        """Build an image, with the certificates of this machine for the index of packages."""
        certificates = f"{CERTIFICATES}:{CERTIFICATES}:ro"
        self.run(
            *("build", "--network", "host", "--isolation", "chroot", "--format", "docker"),
            *("--layers=false", "--volume", certificates, "--tag", image, *words, str(context)),
        )


def make_base(podman: Podman, folder: Path, name: str, packages: Sequence[str]) -> str:
    """Make a base image of Debian; return its name."""
    root = folder / f"base-{name}"
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}"]
    subprocess.run([*command, SUITE, str(root), MIRROR], check=True, stdout=subprocess.DEVNULL)
    for left in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(root / left)
        (root / left).mkdir()
    packed = folder / f"{name}.tar"
    subprocess.run(["tar", "-C", str(root), "-cf", str(packed), "."], check=True)
    shutil.rmtree(root)
    image = f"localhost/base-{name}"
    podman.run("import", "--quiet", str(packed), image)
    packed.unlink()
    return image


def write_model(path: Path) -> None:
    """Write a model that doubles its input."""
    kind = (TensorProto.FLOAT, ["n", 2])
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", *kind)],
        [helper.make_tensor_value_info("y", *kind)],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        str(path),
    )


@contextmanager
def running(podman: Podman, image: str, flags: Sequence[str]) -> Iterator[str]:
    """Run a container without rights, under a user that nobody knows; end it by SIGTERM.

    Raises:
        RuntimeError: It does not drain and exit with code 0.
    """
    began = time.monotonic()
    container = podman.run(
        *("run", "--detach", "--read-only", "--tmpfs", "/tmp", "--user", USER, "--network", "host"),
        *("--cap-drop", "all", "--security-opt", "no-new-privileges", "--no-healthcheck"),
        # The limits of this process: a machine without the right to raise them refuses others.
        *("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", *flags, image),
    )
    try:
        wait_ready(podman, container)
        print(f"  ready after {time.monotonic() - began:.2f} s")
        yield container
        podman.run("stop", "--time", "20", container)
        code = podman.run("inspect", "--format", "{{.State.ExitCode}}", container)
        if code != "0":
            raise RuntimeError(f"{image} exited with code {code}")
    finally:
        podman.run("rm", "--force", container)


def wait_ready(podman: Podman, container: str) -> None:
    """Wait until the service in a container is ready.

    Raises:
        RuntimeError: It is not; the log of the container is printed.
    """
    end = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/grps/v1/health/ready", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    podman.run("logs", container)
    raise RuntimeError(f"{container} is not ready after {READY_TIMEOUT_S:g} s")


def check(podman: Podman, image: str, *flags: str) -> None:
    """Run an image, ask its model, and print what was measured.

    Raises:
        RuntimeError: The answer is wrong.
    """
    size = int(podman.run("image", "inspect", "--format", "{{.Size}}", image))
    print(f"{image}: {size / 1e6:.0f} MB", flush=True)
    with running(podman, image, flags) as container:
        request = urllib.request.Request(
            f"http://127.0.0.1:{PORT}/grps/v1/infer/predict?return-ndarray=true",
            data=b'{"ndarray": [[1, 2]]}',
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            answer = json.load(response)
        if answer.get("ndarray") != [[2.0, 4.0]]:
            raise RuntimeError(f"{image} returned {answer}")
        state = "/tmp/grps/my_grps/run/state.json"
        podman.run("exec", container, "grps-server", "--ready", state)


def build_and_check(folder: Path, wheel: Path | None) -> None:
    """Build all images in a folder and check them."""
    podman = Podman(folder)
    bases = {name: make_base(podman, folder, name, packages) for name, packages in BASES.items()}
    model, context = folder / "double.onnx", folder / "context"
    write_model(model)
    command = [str(Path(sys.executable).with_name("grpst")), "dockerize", str(model)]
    command += ["-o", str(context), "--base", bases["python"], "--build_base", bases["build"]]
    if wheel is not None:
        command += ["--wheel", str(wheel)]
    subprocess.run([*command, "--", "--port", str(PORT)], check=True)
    podman.build(context, "localhost/double")
    check(podman, "localhost/double")
    native = ["--target", "native", "--build-arg", f"NATIVE_BASE={bases['native']}"]
    podman.build(context, "localhost/grps-native", *native)
    project = folder / "project"
    (project / "conf").mkdir(parents=True)
    write_model(project / "double.onnx")
    for name, text in PROJECT.items():
        (project / "conf" / name).write_text(text)
    check(podman, "localhost/grps-native", f"--volume={project}:/project:ro")


def main() -> int:
    """Build, run and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheel", type=Path, help="a wheel of GRPS, such as make build writes")
    arguments = parser.parse_args()
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        print(f"not installed: {', '.join(missing)}; apt-get install {' '.join(missing)}")
        return 1
    folder = Path(tempfile.mkdtemp(prefix="grps-images-"))
    try:
        build_and_check(folder, arguments.wheel)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
