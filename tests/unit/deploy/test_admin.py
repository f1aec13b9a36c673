"""What a failed admin call says."""

from __future__ import annotations

import json

import pytest

from grps.deploy.admin import reply_of
from grps.errors import AccessError, DeployError


def body(code: int) -> bytes:
    return json.dumps({"status": {"code": code, "msg": "as told", "status": "FAILURE"}}).encode()


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_has_its_own_page(status: int) -> None:
    with pytest.raises(AccessError, match="as told") as raised:
        reply_of(status, body(status), "/models")
    assert raised.value.docs == "reference/errors.md#a-key-or-token-is-refused"


@pytest.mark.parametrize("status", [404, 503])
def test_other_failures(status: int) -> None:
    with pytest.raises(DeployError, match="as told") as raised:
        reply_of(status, body(status), "/models")
    assert not isinstance(raised.value, AccessError)
