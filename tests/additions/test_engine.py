"""An engine is one package of three files and one line in the table of engines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.additions.package import Package, copy_of, post

FOLDER = "grps/backends/toy"
TABLE = "grps/backends/table.py"
FILES = {
    f"{FOLDER}/__init__.py": '''\
        """Toy: a model that multiplies."""
        ''',
    f"{FOLDER}/declaration.py": '''\
        """What Toy declares of itself."""

        from __future__ import annotations

        from grps.backends.engine import Engine, Flag, ModelFormat, Verb

        ENGINE = Engine(
            name="toy",
            title="Toy",
            package="toyframework",
            extra="toy",
            distributions=("toyframework",),
            verb=Verb(
                name="toy_serve",
                summary="Put a Toy model online.",
                title="Put a Toy model online.",
                model="a file that Toy wrote.",
                examples=("model.toy",),
            ),
            formats=(
                ModelFormat(name="toy", title="Toy", head=lambda head: head.startswith(b"TOY")),
            ),
            flags=(Flag(name="offset", help="Added to each value", kind="number", default=1),),
            default_device="cpu",
            threads="per_run",
        )
        ''',
    f"{FOLDER}/backend.py": '''\
        """Models of Toy."""

        from __future__ import annotations

        from collections.abc import Sequence
        from pathlib import Path

        import msgspec
        import numpy as np
        import toyframework

        from grps.backends.backend import Signature, TensorSpec
        from grps.backends.common.arguments import read_arguments
        from grps.backends.common.device import parse_device, require_cpu
        from grps.backends.formats import expect_format
        from grps.config.schema import ModelConfig


        class ToyArguments(msgspec.Struct, frozen=True):
            """``inferer_args`` of a Toy model."""

            offset: int = 1
            intra_op_threads: int | None = None


        class ToyBackend:
            """One model."""

            def __init__(self, factor: int, offset: int) -> None:
                self._factor, self._offset = factor, offset

            @property
            def signature(self) -> Signature:
                """Inputs and outputs."""
                x = TensorSpec("x", "float32", (None, 2))
                y = TensorSpec("y", "float32", (None, 2))
                return Signature((x,), (y,), strict_names=True, device="cpu")

            def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
                """Multiply and add."""
                return [("y", toyframework.run(inputs[0], self._factor) + self._offset)]


        def load(model: ModelConfig) -> ToyBackend:
            """Load one copy."""
            arguments = read_arguments(ToyArguments, model.inferer_args)
            require_cpu(parse_device(model.device, model.inp_device), "Toy")
            path = Path(model.inferer_path or "")
            expect_format(path, "toy")
            return ToyBackend(int(path.read_text().split()[1]), arguments.offset)
        ''',
}
FRAMEWORK = """\
__version__ = "7.0"


def run(array, factor):
    return array * factor
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    made = copy_of(tmp_path_factory.mktemp("engine"))
    for path, text in FILES.items():
        made.write(path, text)
    made.add_line(TABLE, after='"lightgbm",', line='"toy",')
    # The framework is a package of its own, which the contributor does not write.
    (made.root / "toyframework.py").write_text(FRAMEWORK)
    (made.work / "model.toy").write_text("TOY 3")
    return made


def test_what_is_added(package: Package) -> None:
    assert package.added() == sorted(FILES)
    assert package.changed() == {TABLE: 1}


def test_inspect_recognises_its_file(package: Package) -> None:
    printed = package.grpst("inspect", "model.toy", "--offset", 2)
    assert "format  toy, run by toy on cpu" in printed
    assert "serve   grpst toy_serve model.toy --offset 2" in printed


def test_its_verb_serves(package: Package) -> None:
    assert re.search(
        r"^  toy_serve +Put a Toy model online\.$", package.grpst("--help"), re.MULTILINE
    )
    assert "Added to each value (toy only)." in package.grpst("toy_serve", "--help")
    with package.serving("toy_serve", "model.toy", "--offset", 5) as url:
        response = post(f"{url}?return-ndarray=true", {"ndarray": [[1.0, 2.0]]})
    assert response["ndarray"] == [[8.0, 11.0]]


def test_serve_chooses_it(package: Package) -> None:
    with package.serving("serve", "model.toy") as url:
        response = post(f"{url}?return-ndarray=true", {"ndarray": [[1.0, 2.0]]})
    assert response["ndarray"] == [[4.0, 7.0]]


def test_messages_know_it(package: Package) -> None:
    (package.work / "model.txt").write_text("some text")
    assert ", Toy" in package.grpst("inspect", "model.txt", code=1)
    text = package.grpst("onnx_serve", "model.toy", code=1)
    assert "a model of the format toy; use: grpst toy_serve model.toy" in text
    text = package.grpst("lightgbm_serve", "model.toy", "--offset", 1, code=2)
    assert "--offset" in text


def test_doctor_examines_it(package: Package) -> None:
    assert '"version":"7.0","devices":["cpu"]' in package.python("-m", "grps.backends.probe", "toy")


def test_a_configuration_names_it(package: Package, tmp_path: Path) -> None:
    model = {
        "name": "m",
        "version": "1",
        "inferer_type": "toi",
        "inferer_path": str(package.work / "model.toy"),
    }
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "server.yml").write_text("interface: {host: 127.0.0.1, port: '0'}\n")
    (conf / "inference.yml").write_text(yaml.safe_dump({"models": [model]}))
    text = package.python("-m", "grps.server", "--project", tmp_path, code=1)
    assert "did you mean 'toy'?" in text
