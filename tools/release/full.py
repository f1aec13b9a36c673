"""A release: built of a commit for all platforms, and tested on all versions of Python."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from tools.release import build, checksums, glibc, sbom, server_archive, source
from tools.release.commands import step
from tools.release.environment import add_rust_target, build_environment, builders, emulator
from tools.release.plan import PYTHONS, TARGETS, Plan, Target
from tools.release.trials import smoke
from tools.release.trials.debian_root import DebianRoot
from tools.release.trials.pythons import installed_pythons

SUITES = {"3.11": "bookworm", "3.13": "trixie", "3.14": "sid"}
"""Releases of Debian, by the version of Python that they have."""
EMULATED_PYTHON = "3.11"


def make_release(plan: Plan) -> None:
    """Build everything of a release and test it.

    Raises:
        ReleaseError: Something can't be built, or is not as it must be.
    """
    with step("builders"):
        programs = builders()
        for target in plan.targets:
            add_rust_target(target)
    with step("source package"):
        clone = source.clone(plan)
        package = source.pack(plan, clone, programs / "maturin")
        unpacked = source.unpack(package, plan.work / "sdist")
    environment = build_environment(plan, programs, (clone, unpacked))
    source.check_complete(unpacked, clone, environment)
    wheels = {}
    for target in plan.targets:
        with step(f"server and wheel for {target.machine}"):
            server = build.build_server(plan, target, clone, environment)
            server_archive.pack_server(plan, target, server, clone)
            wheels[target] = build.build_wheel(plan, target, unpacked, server, environment)
            print(f"   {glibc.check_wheel(wheels[target], target, programs / 'auditwheel')}")
    with step("list of software"):
        file = sbom.write_sbom(plan, clone, next(iter(wheels.values())))
        sbom.check_sbom(file, programs / "python")
    test(plan, wheels)
    with step("checksums"):
        checksums.write_checksums(plan.dist)


def test(plan: Plan, wheels: dict[Target, Path]) -> None:
    """Test the wheel of this machine on every Python, and the others by an emulator.

    Raises:
        ReleaseError: A test fails.
    """
    pythons = installed_pythons()
    here = TARGETS.get(platform.machine())
    for target, wheel in wheels.items():
        if target != here:
            with step(f"test of {wheel.name} by an emulator, Python {EMULATED_PYTHON}"):
                root = root_of(plan, target, EMULATED_PYTHON)
                smoke.check_root(root, wheel, plan, Path(sys.executable), emulator())
            continue
        facts = smoke.facts_of(plan, target)
        for version in PYTHONS:
            folder = plan.work / f"python-{version}"
            if version in pythons:
                with step(f"test of {wheel.name} on Python {version}"):
                    smoke.check_wheel(pythons[version], wheel, folder, facts)
            elif version in SUITES:
                with step(f"test of {wheel.name} on Python {version} of Debian {SUITES[version]}"):
                    root = root_of(plan, target, version)
                    smoke.check_root(root, wheel, plan, Path(sys.executable))
            else:
                print(f"── NOT TESTED on Python {version}, which this machine does not have")


def root_of(plan: Plan, target: Target, python: str) -> DebianRoot:
    """Return the Python of Debian for a platform."""
    suite = SUITES[python]
    folder = plan.work / f"debian-{suite}-{target.debian}"
    return DebianRoot(suite, target, python, folder)
