"""``grpst version``."""

from __future__ import annotations

import platform
from importlib import metadata

import click
import msgspec

from grps.cli.output.lines import say


def grps_version() -> str:
    """Return the version of the installed package."""
    return _installed("grpst") or "unknown (not installed)"


def version_line() -> str:
    """Return the version and how the package was built, in one line whose second word it is."""
    from grps.deploy.build_facts import module_abi, module_build

    build = module_build()
    python = f"python {platform.python_version()}"
    facts = f"{build}, {module_abi()}, {python}" if build else f"no native module, {python}"
    return f"grpst {grps_version()} ({facts})"


@click.command("version")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def command(as_json: bool) -> None:
    """Show the versions of GRPS, of Python and of the engines found, and how GRPS was built.

    \b
    Examples:
      grpst version
      grpst version --json | python -m json.tool
      grpst --version     # one line, for scripts
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    from grps.backends.libraries import LIBRARIES
    from grps.deploy.build_facts import module_abi, module_build, server_build

    module, server, abi = module_build(), server_build(), module_abi()
    python = {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "machine": platform.machine(),
    }
    if as_json:
        report = {
            "version": grps_version(),
            "module": module,
            "abi": abi,
            "server": server,
            "native_engines": sorted(LIBRARIES),
            "python": python,
            "packages": _packages(),
        }
        say(msgspec.json.format(msgspec.json.encode(report)).decode())
        return
    say(f"grpst {grps_version()}")
    say(f"native module: {module.version} ({module}, {abi})" if module else "native module: none")
    say(f"grps-server: {server.version} ({server})" if server else "grps-server: none")
    say(f"native engines: {', '.join(sorted(LIBRARIES))}")
    say(f"python {python['version']} on {python['system']} {python['machine']}")
    for distribution, version in _packages().items():
        say(f"{distribution} {version}")


def _packages() -> dict[str, str]:
    """Return the packages of engines that are installed, with their versions."""
    from grps.backends.table import ENGINES

    names = [name for engine in ENGINES.values() for name in engine.distributions]
    found = {name: _installed(name) for name in names}
    return {name: version for name, version in found.items() if version}


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
