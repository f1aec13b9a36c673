"""Calls that change the state of the service, from other machines."""

from __future__ import annotations

import socket
from pathlib import Path

import psutil
import requests

from tests.support import GUARD_S, serving, user_model, write_user_project


def own_addresses() -> list[str]:
    """The addresses of this machine besides the loopback; calls to them come from them."""
    found = [address for each in psutil.net_if_addrs().values() for address in each]
    ipv4 = [address.address for address in found if address.family == socket.AF_INET]
    return [address for address in ipv4 if not address.startswith("127.")]


def test_others_need_the_token(tmp_path: Path) -> None:
    interface = {"framework": "http", "host": "0.0.0.0", "port": "0"}
    write_user_project(tmp_path, [user_model("echo")], {"interface": interface})
    with serving(tmp_path, GRPS_ADMIN_TOKEN="secret") as server:

        def call(address: str, path: str, token: str = "") -> int:
            url = f"http://{address}:{server.ports[0]}/grps/v1/health/{path}"
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return requests.get(url, headers=headers, timeout=GUARD_S).status_code

        for address in own_addresses():
            assert [call(address, "offline"), call(address, "offline", "wrong")] == [403, 403]
            assert call(address, "ready") == 200
            assert call(address, "offline", "secret") == 200
            assert call(address, "ready") == 503
            assert call(address, "online", "secret") == 200
        assert call("127.0.0.1", "offline") == 200
        assert call("127.0.0.1", "ready") == 503


def test_others_need_the_token_for_logs(tmp_path: Path) -> None:
    interface = {"framework": "http", "host": "0.0.0.0", "port": "0"}
    write_user_project(tmp_path, [user_model("echo")], {"interface": interface})
    with serving(tmp_path, GRPS_ADMIN_TOKEN="secret") as server:
        right = {"Authorization": "Bearer secret"}
        for address in own_addresses():
            root = f"http://{address}:{server.ports[0]}/grps/v1/admin"
            for method, path in ((requests.get, "logs"), (requests.post, "log-level?level=info")):
                assert method(f"{root}/{path}", timeout=GUARD_S).status_code == 403
                assert method(f"{root}/{path}", headers=right, timeout=GUARD_S).status_code == 200
