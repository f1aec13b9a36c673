"""``grpst cluster cert``."""

from __future__ import annotations

from pathlib import Path

import click

from grps.cli.output.lines import notice, say
from grps.errors import DeployError

HOSTS_HELP = "Names or addresses, as other hosts call them, with commas between."


@click.command("cert")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--hosts", metavar="HOST,...", required=True, help=HOSTS_HELP)
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=365,
    show_default=True,
    help="How long the certificates are valid.",
)
@click.option("--renew", is_flag=True, help="Replace certificates that are there; new keys too.")
def cert(folder: Path, hosts: str, days: int, renew: bool) -> None:
    """Make certificates of hosts, by which services know each other.

    DIR gets ca.pem and ca-key.pem, an authority of the cluster's own, and HOST.pem and
    HOST-key.pem for each host. Only their owner may read the keys. An authority that is there is
    used again, so hosts can be added later.

    Copy ca.pem and the two files of a host to the same folder on that host; ca-key.pem stays here.

    \b
    Examples:
      grpst cluster cert certificates --hosts a,b,10.0.0.5
      grpst cluster cert certificates --hosts c
      grpst cluster cert certificates --hosts a --renew
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    from grps.cluster.certificates import AUTHORITY_KEY, make_certificates
    from grps.cluster.placing import AUTHORITY

    names = [name.strip() for name in hosts.split(",") if name.strip()]
    if not names:
        raise DeployError("--hosts: name at least one host")
    made = make_certificates(folder, names, days, renew=renew)
    for one in made:
        say(f"{one.host}  {one.cert}  {one.key}")
    first = made[0]
    say(
        f"\nIn server.yml of a service on {first.host}:\n"
        "interface:\n"
        "  tls:\n"
        f"    cert: {first.cert}\n"
        f"    key: {first.key}\n"
        f"    client_ca: {folder / AUTHORITY}"
    )
    say(f"Replicas: grpst cluster deploy MODEL --name NAME --tls {folder}")
    notice(f"keep {folder / AUTHORITY_KEY} here; whoever has it can make certificates")
