"""Another Python than those of this machine: packages of Debian in a folder of their own.

For another processor, an emulator runs it. No program of the folder is installed, and none runs as
another user: the loader of programs, or the emulator, takes the libraries of the folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools.release.commands import ReleaseError, run
from tools.release.plan import Target
from tools.repository import ROOT

MIRROR = "http://deb.debian.org/debian"
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LIBRARIES = ("libstdc++6", "libgomp1", "zlib1g")
"""What packages of Python take from the system."""
CPU = "neoverse-n1"
CPU_INFO = """\
processor\t: {number}
BogoMIPS\t: 50.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc \
dcpop asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0c
CPU revision\t: 1

"""
"""That processor in ``/proc/cpuinfo``; ONNX Runtime crashes at the words of another kind."""
MERGED = ("bin", "lib", "lib64", "sbin")
"""Folders that are links into ``usr``."""


@dataclass(frozen=True, slots=True)
class DebianRoot:
    """A release of Debian for a platform, with its Python."""

    suite: str
    target: Target
    python: str
    """Version of Python, such as ``3.14``."""
    folder: Path

    @property
    def program(self) -> Path:
        """The Python."""
        return self.folder / "usr" / "bin" / f"python{self.python}"

    def runner(self, emulator: Path | None) -> list[str]:
        """Return the command before a program of the folder.

        Args:
            emulator: What runs programs of the platform; ``None`` on that platform.
        """
        if emulator is not None:
            return [str(emulator), "-cpu", CPU, "-L", str(self.folder)]
        (loader,) = self.folder.glob("usr/lib64/ld-linux-*.so.*")
        libraries = self.folder / "usr" / "lib" / f"{self.target.machine}-linux-gnu"
        return [str(loader), "--library-path", str(libraries)]

    def make(self) -> None:
        """Fetch and unpack the packages, unless they are there.

        Raises:
            ReleaseError: APT can't.
        """
        if self.program.exists():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        state = self.folder.with_name(f"{self.folder.name}.apt")
        apt = self._apt(state)
        run([*apt, "update", "-qq"], ROOT)
        wanted = [f"python{self.python}", f"libpython{self.python}-stdlib", *LIBRARIES]
        run([*apt, "install", "-y", "-qq", "--download-only", *wanted], ROOT)
        for name in MERGED:
            (self.folder / "usr" / name).mkdir(parents=True)
            (self.folder / name).symlink_to(f"usr/{name}")
        for package in sorted(state.glob("cache/archives/*.deb")):
            self._unpack(package)
        shutil.rmtree(state)
        if self.target.machine == "aarch64":
            (self.folder / "proc").mkdir()
            entries = [CPU_INFO.format(number=number) for number in range(os.cpu_count() or 1)]
            (self.folder / "proc" / "cpuinfo").write_text("".join(entries))

    def _apt(self, state: Path) -> list[str]:
        """Return APT with state of its own: it neither reads nor changes that of this machine."""
        shutil.rmtree(state, ignore_errors=True)
        for folder in ("lists/partial", "cache/archives/partial"):
            (state / folder).mkdir(parents=True)
        (state / "status").touch()
        sources = state / "sources.list"
        sources.write_text(f"deb [signed-by={KEYS}] {MIRROR} {self.suite} main\n")
        options = {
            "APT::Architecture": self.target.debian,
            "APT::Architectures": self.target.debian,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",
            "Debug::NoLocking": "true",
            "Dir::Cache": state / "cache",
            "Dir::Etc::SourceList": sources,
            "Dir::Etc::SourceParts": "-",
            "Dir::State::Lists": state / "lists",
            "Dir::State::status": state / "status",
        }
        return ["apt-get", *(f"-o{name}={value}" for name, value in options.items())]

    def _unpack(self, package: Path) -> None:
        tar = ["tar", "--extract", "--keep-directory-symlink", "--directory", str(self.folder)]
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE
        ) as files:
            done = subprocess.run(tar, stdin=files.stdout, check=False, capture_output=True)
        if done.returncode != 0 or files.returncode != 0:
            raise ReleaseError(f"{package.name}: {done.stderr.decode(errors='replace')}")


def install_packages(root: DebianRoot, wheel: Path, site: Path, python: Path) -> None:
    """Put a wheel and ONNX Runtime for a platform into a folder, without running its Python.

    Args:
        root: The platform and its Python.
        wheel: The wheel.
        site: The folder.
        python: A Python of this machine with pip.
    """
    shutil.rmtree(site, ignore_errors=True)
    tags = [f"manylinux_2_{minor}_{root.target.machine}" for minor in range(28, 16, -1)]
    tags.append(f"manylinux2014_{root.target.machine}")
    command: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--target", site]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", root.python]
    for tag in tags:
        command += ["--platform", tag]
    run([*command, f"{wheel}[onnx]"], ROOT, {**os.environ, "PIP_FIND_LINKS": ""})
