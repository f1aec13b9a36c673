"""Generate code and descriptors from ``proto/``; with ``--check`` only compare.

Python code is made of ``grps.proto``. The descriptors of all files are for gRPC reflection.

The pinned grpcio-tools emits protobuf 4.25 code on purpose: newer generators add a check that
refuses runtimes more than one major version away, this one's code runs on protobuf 4 to 7.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.repository import ROOT

PROTO = ROOT / "proto" / "grps.proto"
TARGET = ROOT / "grps" / "protocol" / "pb"
MODULES = ("grps_pb2.py", "grps_pb2.pyi", "grps_pb2_grpc.py")
IN_PACKAGE = {
    "grps_pb2.py": (
        "DESCRIPTOR, 'grps_pb2', _globals",
        "DESCRIPTOR, 'grps.protocol.pb.grps_pb2', _globals",
    ),
    "grps_pb2_grpc.py": (
        "import grps_pb2 as grps__pb2",
        "from grps.protocol.pb import grps_pb2 as grps__pb2",
    ),
}
"""What protoc writes as if the code were no part of a package, and what it must be here."""
DESCRIPTORS = ROOT / "crates/grps-server/src/frontends/grpc_services/descriptors.bin"
PACKAGE_DOC = '"""Generated from proto/grps.proto by tools/generate.py; not edited by hand."""\n'


def generate(target: Path) -> None:
    """Write the generated package into ``target``.

    Raises:
        RuntimeError: The generator is not installed, failed or changed its output's form.
    """
    outputs = [f"--{kind}={target}" for kind in ("python_out", "pyi_out", "grpc_python_out")]
    _protoc(*outputs, PROTO.name)
    for name, (written, wanted) in IN_PACKAGE.items():
        text = (target / name).read_text()
        if text.count(written) != 1:
            raise RuntimeError(f"{name} has no single {written!r} to make package-correct")
        (target / name).write_text(text.replace(written, wanted))
    (target / "__init__.py").write_text(PACKAGE_DOC)


def describe(target: Path) -> None:
    """Write the descriptors of all files below ``proto/`` into the file ``target``.

    Raises:
        RuntimeError: The generator is not installed or failed.
    """
    folder = PROTO.parent
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.proto"))
    _protoc("--include_imports", f"--descriptor_set_out={target}", *files)


def _protoc(*arguments: str) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO.parent}", *arguments]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    if answer.returncode != 0:
        raise RuntimeError(
            f"protoc failed; it comes with make setup, on Python 3.10 to 3.12:\n{answer.stderr}"
        )


def differences(fresh: Path, committed: Path) -> list[str]:
    """Names of files that are not equal in the two folders."""
    return [
        name
        for name in ("__init__.py", *MODULES)
        if not (committed / name).is_file()
        or (fresh / name).read_bytes() != (committed / name).read_bytes()
    ]


def main() -> int:
    """Generate or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if committed code is stale")
    options = parser.parse_args()
    if not options.check:
        TARGET.mkdir(parents=True, exist_ok=True)
        generate(TARGET)
        describe(DESCRIPTORS)
        print(f"generated {TARGET.relative_to(ROOT)} and {DESCRIPTORS.relative_to(ROOT)}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        stale = [TARGET / name for name in differences(Path(folder), TARGET)]
        fresh = Path(folder) / DESCRIPTORS.name
        describe(fresh)
        if not DESCRIPTORS.is_file() or fresh.read_bytes() != DESCRIPTORS.read_bytes():
            stale.append(DESCRIPTORS)
    for path in stale:
        print(f"{path.relative_to(ROOT)} is stale; run: make generate")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
