"""What an image of a project or a model needs besides GRPS itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from grps.backends.formats import owner_of, recognise
from grps.backends.table import ENGINES
from grps.converters.table import CONVERTERS
from grps.deploy.container.wheel import DISTRIBUTION
from grps.deploy.project.requirements import read_requirements
from grps.server.loading.local_files import has_uris
from grps.server.project import Project

CPU_TORCH = "https://download.pytorch.org/whl/cpu"
"""The index of PyTorch without CUDA, which is a tenth of the size."""
DEBIAN_PACKAGES = {"lightgbm": "libgomp1"}
"""What wheels of engines use and do not contain, by extra."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What is installed in an image."""

    extras: tuple[str, ...]
    """Extras of ``grpst``, sorted."""
    index: str = ""
    """One more index of packages."""
    debian_packages: tuple[str, ...] = ()


def needs_of_model(path: Path) -> Needs:
    """Return what a model file needs.

    Raises:
        ModelError: Its format is not recognised.
    """
    return _needs({owner_of(recognise(path)).extra}, with_gpu=False)


def needs_of_project(folder: Path) -> Needs:
    """Return what the models of a project need; its ``requirements.txt`` comes on top.

    Raises:
        ConfigError: Its configuration is wrong.
        DeployError: Its requirements are.
    """
    project = Project.read(folder)
    extras = set()
    for model in project.inference.models:
        if model.inferer_type in ENGINES:
            extras.add(ENGINES[model.inferer_type].extra)
        if (converter := CONVERTERS.get(model.converter_type or "")) is not None:
            extras.add(converter.extra)
        if has_uris(model):
            extras.add("sources")
    if any(route.customized_body for route in project.server.interface.customized_routes):
        extras.add("http-custom")
    devices = [model.device or "" for model in project.inference.models]
    with_gpu = any(device.startswith(("cuda", "gpu")) for device in devices)
    needs = _needs(extras - {""}, with_gpu=with_gpu)
    lines = read_requirements(folder).lines
    asks_torch = any(canonicalize_name(line.requirement.name) == "torch" for line in lines)
    if asks_torch and not with_gpu:
        needs = replace(needs, index=CPU_TORCH)
    return needs


def _needs(extras: set[str], *, with_gpu: bool) -> Needs:
    uses_torch = bool(extras & {"torch", "decoder"})
    debian = {DEBIAN_PACKAGES[extra] for extra in extras if extra in DEBIAN_PACKAGES}
    return Needs(
        tuple(sorted(extras)),
        CPU_TORCH if uses_torch and not with_gpu else "",
        tuple(sorted(debian)),
    )


def installed_versions(extras: Iterable[str]) -> Iterator[str]:
    """Yield ``name==version`` of each installed package that GRPS needs with these extras."""
    versions: dict[str, str] = {}
    waiting = [Requirement(f"{DISTRIBUTION}[{','.join(extras)}]")]
    seen: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        if str(wanted) in seen:
            continue
        seen.add(str(wanted))
        try:
            found = metadata.distribution(wanted.name)
        except metadata.PackageNotFoundError:
            continue
        # The part behind "+" names a build, such as that for a processor without GPU.
        versions[canonicalize_name(wanted.name)] = found.version.partition("+")[0]
        named = [Requirement(text) for text in found.requires or ()]
        waiting += [one for one in named if _applies(one, wanted.extras)]
    versions.pop(DISTRIBUTION, None)
    yield from (f"{name}=={version}" for name, version in sorted(versions.items()))


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""})
