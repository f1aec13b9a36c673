"""Libraries that a plugin needs and the loader of the system does not find, each in a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from grps.server.loading.plugin_libraries import is_found, opened_libraries, package_of
from tests.unit.deploy.archive.archives import write_tree

PROBE = """
import ctypes, sys
from pathlib import Path
from grps.server.loading.plugin_libraries import load_needed
missing = load_needed(Path(sys.argv[1]), Path(sys.argv[2]))
print(missing or ctypes.CDLL(sys.argv[1]).top())
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A plugin that needs libmid.so.1, which needs libbase.so.1; none of them has a path inside."""
    write_tree(
        tmp_path,
        {
            "base.c": "int base(void) { return 3; }\n",
            "mid.c": "int base(void);\nint mid(void) { return base(); }\n",
            "top.c": "int mid(void);\nint top(void) { return mid(); }\n",
        },
    )
    for name, *others in (("base",), ("mid", "base"), ("top", "mid")):
        links = [f"lib{other}.so" for other in others]
        flags = ["-shared", "-fPIC", f"-Wl,-soname,lib{name}.so.1", "-o", f"lib{name}.so"]
        subprocess.run(["cc", *flags, f"{name}.c", *links], cwd=tmp_path, check=True)
    (tmp_path / "build").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "libtop.so").rename(tmp_path / "build" / "libtop.so")
    return tmp_path


def load(project: Path) -> str:
    command = [sys.executable, "-c", PROBE, str(project / "build" / "libtop.so"), str(project)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_libraries_are_found_beside_the_plugin_and_in_lib(project: Path) -> None:
    advice = "put the library beside the plugin or into the project's folder lib"
    assert load(project) == f"it needs libmid.so.1, which is not found; {advice}"
    (project / "libmid.so").rename(project / "build" / "libmid.so.1")
    assert load(project) == f"it needs libbase.so.1, which is not found; {advice}"
    (project / "libbase.so").rename(project / "lib" / "libbase.so.1.32.0")
    assert load(project) == "3"


def test_a_library_of_another_name_inside_is_not_tried_for_ever(project: Path) -> None:
    (project / "libbase.so").rename(project / "lib" / "libmid.so.1")
    assert load(project).startswith("it needs libmid.so.1, which is not found")


def test_the_package_of_an_engine_is_named(project: Path) -> None:
    (project / "t.c").write_text("")
    flags = ["-shared", "-fPIC", "-Wl,-soname,libnvinfer.so.99", "-o", "libnvinfer.so"]
    subprocess.run(["cc", *flags, "t.c"], cwd=project, check=True)
    flags = ["-shared", "-fPIC", "-Wl,--no-as-needed", "-o", "build/libtop.so"]
    subprocess.run(["cc", *flags, "t.c", "libnvinfer.so"], cwd=project, check=True)
    wanted = "it needs libnvinfer.so.99, which is not found; install the Python package tensorrt"
    assert load(project).startswith(wanted)


OPENS = """
#include <dlfcn.h>
#include <stddef.h>
const char opens[] = "grps opens libx.so.7";
const char may_open[] = "grps may open libother.so.1";
int top(void) { return dlopen("libx.so.7", RTLD_NOW) == NULL ? 0 : opens[0] == 'g'; }
"""


def test_libraries_that_a_plugin_opens_by_itself_are_loaded_before(project: Path) -> None:
    write_tree(project, {"opens.c": OPENS, "x.c": ""})
    shared = ["cc", "-shared", "-fPIC"]
    named = ["-Wl,-soname,libx.so.7", "-o", "lib/libx.so.7.1"]
    subprocess.run([*shared, "-o", "build/libtop.so", "opens.c"], cwd=project, check=True)
    assert opened_libraries(project / "build" / "libtop.so") == ["libx.so.7"]
    assert opened_libraries(project / "build" / "libtop.so", optional=True)[1] == "libother.so.1"
    assert load(project) == "0"  # the plugin knows what to do without it
    subprocess.run([*shared, *named, "x.c"], cwd=project, check=True)
    assert load(project) == "1"


def test_what_the_loader_finds_by_a_name() -> None:
    assert is_found("libc.so.6")
    assert not is_found("libnone.so.1")
    assert package_of("libcudart.so.13") == "nvidia-cuda-runtime"
    assert package_of("libnvinfer_plugin.so.11") == "tensorrt"
