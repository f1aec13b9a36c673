"""What a copy of a project for upstream's C++ edition has before its build."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from grps.deploy.cpp.plan import BuildChoices, prepare
from grps.deploy.cpp.sources import source_files
from grps.deploy.cpp.upstream import replace_libraries
from grps.errors import ArchiveError
from tests.support import REPOSITORY
from tests.unit.deploy.archive.archives import write_tree

HEADERS = "second_party/grps-server-framework/include"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_tree(
        tmp_path,
        {
            "CMakeLists.txt": "add_subdirectory(src)\n",
            "src/CMakeLists.txt": "add_library(grps-server-customized SHARED x.cc)\n",
            "build.sh": "exit 1\n",
            f"{HEADERS}/converter/converter.h": "of upstream\n",
            f"{HEADERS}/dag/dag.h": "of upstream\n",
        },
    )
    return tmp_path


def config_of(folder: Path) -> dict[str, str]:
    lines = (folder / ".config").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_our_headers_and_empty_archives_replace_upstreams(project: Path) -> None:
    plan = prepare(project, BuildChoices())
    ours = REPOSITORY / "sdk/cpp/include/grps_framework/converter/converter.h"
    assert (project / HEADERS / "converter/converter.h").read_bytes() == ours.read_bytes()
    assert (project / HEADERS / "grps/plugin.h").is_file()
    assert not (project / HEADERS / "dag").exists()
    archives = project / "second_party/grps-server-framework/lib"
    assert (archives / "libbrpc.a").read_bytes() == b"!<arch>\n"
    assert [step.title for step in plan.build] == ["building", "collecting"]
    assert plan.build[0].variables["CMAKE_TOOLCHAIN_FILE"].endswith("cmake/toolchain.cmake")
    assert Path(plan.build[0].variables["CMAKE_TOOLCHAIN_FILE"]).is_file()


def test_a_linked_framework_is_replaced_and_its_target_stays(project: Path) -> None:
    framework = project / "second_party/grps-server-framework"
    elsewhere = project / "elsewhere"
    framework.rename(elsewhere)
    framework.symlink_to(elsewhere)
    prepare(project, BuildChoices())
    assert not framework.is_symlink()
    assert (elsewhere / "include/converter/converter.h").read_text() == "of upstream\n"


def test_switches_are_those_of_this_machine(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    prepare(project, BuildChoices())
    off = {"cuda_enable": "0", "torch_enable": "0", "tf_enable": "0", "trt_enable": "0"}
    assert config_of(project) == off
    torch = importlib.util.find_spec("torch")
    assert torch is not None
    assert torch.origin is not None
    lines = "cuda_enable=1\n torch_enable=1\nlibtorch_path=/usr/local/none\ntf_enable=yes\n"
    (project / ".config").write_text(lines)
    plan = prepare(project, BuildChoices())
    folder = str(Path(torch.origin).parent)
    assert config_of(project) == {**off, "torch_enable": "1", "libtorch_path": folder}
    assert f"./lib:{folder}/lib" in plan.test.variables["LD_LIBRARY_PATH"]


def test_an_engine_of_the_project_is_used_where_it_is(project: Path) -> None:
    given = project / "trt"
    write_tree(given, {"include/NvInfer.h": ""})
    (project / ".config").write_text(f"trt_enable=1\nlibtensorrt_path={given}\n")
    prepare(project, BuildChoices())
    assert config_of(project)["libtensorrt_path"] == str(given)
    (given / "include/NvInfer.h").unlink()
    with pytest.raises(ArchiveError) as caught:
        prepare(project, BuildChoices())
    assert str(caught.value) == (
        f".config: trt_enable=1 needs tensorrt, but libtensorrt_path {given} has no "
        "include/NvInfer.h, and no Python package has it; install tensorrt, or give its folder as "
        "libtensorrt_path"
    )


def test_the_framework_and_what_was_built_are_no_sources(project: Path) -> None:
    write_tree(project, {"lib/libx.so": "", "build/copy/x.cc": "", "third_party/lib/liby.so": ""})
    found = {file.path for file in source_files(project)}
    own = {"CMakeLists.txt", "src/CMakeLists.txt", "build.sh", "third_party/lib/liby.so"}
    assert found == own


def test_a_library_that_a_server_uses_is_not_written_over(tmp_path: Path) -> None:
    write_tree(tmp_path, {"built/libx.so": "new", "lib/libx.so": "old"})
    with (tmp_path / "lib/libx.so").open() as used:
        replace_libraries(tmp_path / "built", tmp_path / "lib")
        assert used.read() == "old"
    assert (tmp_path / "lib/libx.so").read_text() == "new"
    assert [path.name for path in (tmp_path / "lib").iterdir()] == ["libx.so"]
