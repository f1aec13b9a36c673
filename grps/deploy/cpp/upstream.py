"""Prepares the build of a project that is written for upstream's C++ edition.

Such a project builds with the headers and libraries of upstream's own image. In the copy that is
built, ours take their places: the headers, empty archives for the libraries that nothing is needed
of, and the switches of ``.config`` set to what this machine has.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from grps.deploy.cpp.sdk import sdk_folder
from grps.deploy.cpp.sources import BUILD_FOLDER
from grps.deploy.cpp.steps import Step
from grps.errors import ArchiveError
from grps.server.loading.upstream_cpp import LIBRARY

INSTALLED = Path(BUILD_FOLDER, "RelWithDebInfo_install")
"""Where ``build.sh`` of such a project puts the library, the unit test and what that reads."""
UPSTREAM_COPY = Path(BUILD_FOLDER, "copy")
"""Where ``grpst dev`` builds such a project."""
FRAMEWORK = Path("second_party", "grps-server-framework")
TENSORFLOW = Path("second_party", "tensorflow")
UNUSED = (
    "grps-server-framework",
    "brpc",
    "grpc++_unsecure",
    "log4cxx",
    "aprutil-1",
    "apr-1",
    "protobuf",
)
"""Libraries that such a project links and that nothing is needed of."""
OPTIONAL = ("boost_system", "boost_thread")
"""Libraries that it links and that it may use."""
PACKED = "yaml-cpp|boost_"
"""Libraries of the system that are packed: machines that serve seldom have them."""
EMPTY_ARCHIVE = b"!<arch>\n"
TOOLCHAIN = Path("upstream", "cmake", "toolchain.cmake")
ADVICE = "nothing is packed (--skip_unittest packs all the same)"


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that such a project may be built with."""

    switch: str
    """Its key in ``.config``."""
    path: str
    """The key of its folder there."""
    package: str
    """The Python package that has its headers and libraries."""
    mark: str
    """A file that is in its folder."""


TORCH = Engine("torch_enable", "libtorch_path", "torch", "share/cmake/Torch/TorchConfig.cmake")
TF = Engine("tf_enable", "libtensorflow_path", "tensorflow", "include/tensorflow/c/c_api.h")
TRT = Engine("trt_enable", "libtensorrt_path", "tensorrt", "include/NvInfer.h")


def prepare_upstream(folder: Path, variables: dict[str, str]) -> tuple[tuple[Step, ...], Step]:
    """Make a copy of such a project ready for its build.

    Args:
        folder: The copy; its ``second_party`` and ``.config`` are replaced.
        variables: The environment of the build.

    Returns:
        The steps that build it, and the one that tests it.

    Raises:
        ArchiveError: It needs an engine that is not installed.
    """
    _put_framework(folder)
    libraries = _configure(folder)
    given = {**variables, "CMAKE_TOOLCHAIN_FILE": str(sdk_folder() / TOOLCHAIN)}
    found = ["./lib", *libraries, os.environ.get("LD_LIBRARY_PATH", "")]
    tested = {**given, "LD_LIBRARY_PATH": ":".join(path for path in found if path)}
    test = Step("unit tests", _in(INSTALLED, "exec ./bin/unit_test"), tested, ADVICE)
    # Libraries that build.sh links to from elsewhere are those of engines, which are not packed.
    wanted = r"\( -type f -o -lname '[!/]*' \) -name '*.so*'"
    kept = f"mkdir -p lib && find {INSTALLED}/lib -maxdepth 1 {wanted} -exec cp -a -t lib {{}} +"
    found_there = f"awk -v own=$PWD/ '/{PACKED}/ && index($3, own) != 1 {{print $3}}'"
    packed = f"ldd {LIBRARY} | {found_there} | xargs -r cp -Lt lib"
    return (
        (
            Step("building", ("bash", "build.sh"), given),
            Step("collecting", ("bash", "-c", f"{kept} && {packed}"), given),
        ),
        test,
    )


def replace_libraries(built: Path, target: Path) -> None:
    """Put libraries in the place of earlier ones, which a running server may use.

    Args:
        built: The folder of the new ones.
        target: The folder that gets them.
    """
    target.mkdir(exist_ok=True)
    for library in built.iterdir():
        number, temporary = tempfile.mkstemp(dir=target)
        os.close(number)
        shutil.copy2(library, temporary)
        Path(temporary).replace(target / library.name)


def _in(folder: Path, command: str) -> tuple[str, ...]:
    return ("bash", "-c", f"cd {folder} && {command}")


def _put_framework(folder: Path) -> None:
    """Put our headers, and archives for the linker, in the place of upstream's."""
    target = folder / FRAMEWORK
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.is_dir():
        shutil.rmtree(target)
    include = sdk_folder() / "include"
    shutil.copytree(include / "grps_framework", target / "include")
    shutil.copytree(include / "grps", target / "include" / "grps")
    archives = target / "lib"
    archives.mkdir()
    for name in (*UNUSED, *(name for name in OPTIONAL if not _is_installed(name))):
        (archives / f"lib{name}.a").write_bytes(EMPTY_ARCHIVE)
    for name in ("include", "lib"):
        (folder / "third_party" / name).mkdir(parents=True, exist_ok=True)
    for name in ("conf", "data"):
        (folder / name).mkdir(exist_ok=True)


def _is_installed(library: str) -> bool:
    folders = (Path("/usr/local/lib"), Path("/usr/lib"), *Path("/usr/lib").glob("*-linux-gnu"))
    return any(folder.joinpath(f"lib{library}.so").exists() for folder in folders)


def _configure(folder: Path) -> list[str]:
    """Write ``.config`` for this machine, and return the folders of the engines' libraries."""
    file = folder / ".config"
    lines = file.read_text("utf-8").splitlines() if file.is_file() else []
    wanted = dict(line.strip().split("=", 1) for line in lines if "=" in line)
    has_compiler = wanted.get("cuda_enable") == "1" and shutil.which("nvcc") is not None
    config, libraries = {"cuda_enable": "1" if has_compiler else "0"}, []
    for engine in (TORCH, TF, TRT):
        is_wanted = wanted.get(engine.switch) == "1"
        config[engine.switch] = "1" if is_wanted else "0"
        if is_wanted:
            path = _engine_folder(engine, wanted.get(engine.path, ""), folder)
            config[engine.path] = str(path)
            libraries.append(str(path / "lib"))
    file.write_text("".join(f"{key}={value}\n" for key, value in config.items()), "utf-8")
    return libraries


def _engine_folder(engine: Engine, given: str, folder: Path) -> Path:
    """Return the folder of an engine: the one that the project gives, or that of the package.

    Raises:
        ArchiveError: There is neither.
    """
    if given and Path(given, engine.mark).is_file():
        return Path(given)
    package = _package(engine.package)
    if package is None or not (package / engine.mark).is_file():
        raise ArchiveError(
            f".config: {engine.switch}=1 needs {engine.package}, but {engine.path} "
            f"{given or '(not set)'} has no {engine.mark}, and no Python package has it; "
            f"install {engine.package}, or give its folder as {engine.path}"
        )
    return _tensorflow(package, folder / TENSORFLOW) if engine is TF else package


def _package(name: str) -> Path | None:
    """Return the folder of a Python package, which is not imported for that."""
    spec = importlib.util.find_spec(name)
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places))) if places else None


def _tensorflow(package: Path, target: Path) -> Path:
    """Make a folder as upstream's build wants it: the package has its libraries elsewhere."""
    libraries = target / "lib"
    libraries.mkdir(parents=True, exist_ok=True)
    links = {target / "include": package / "include"}
    for name in ("libtensorflow_cc.so", "libtensorflow_framework.so"):
        links[libraries / name] = links[libraries / f"{name}.2"] = package / f"{name}.2"
    for link, place in links.items():
        link.unlink(missing_ok=True)
        link.symlink_to(place)
    return target
