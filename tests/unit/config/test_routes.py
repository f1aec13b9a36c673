"""Paths of customized routes."""

from __future__ import annotations

import pytest

from grps.config.routes import OWN_PATHS, PREDICT_PATH, path_fault


@pytest.mark.parametrize(
    "path",
    [
        PREDICT_PATH,
        "/custom_predict",
        "/generate/",
        "/metrics/mine",
        "/grps/v1/custom",
        "/grps/v1/admin/models/a/b/c",
        "/v1/{name}",
    ],
)
def test_paths_of_projects_are_taken(path: str) -> None:
    assert path_fault(path) is None


@pytest.mark.parametrize("path", [*OWN_PATHS, "/grps/v1/admin/models/m-1/unload"])
def test_the_services_own_routes_are_refused(path: str) -> None:
    fault = path_fault(path)
    assert fault is not None
    assert "is a route of the service itself" in fault


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("predict", "must start with '/'"),
        ("", "must start with '/'"),
        ("/a?b", "must be a path alone"),
        ("/a#b", "must be a path alone"),
        ("/a b", "must be a path alone"),
        ("/a\n", "must be a path alone"),
        ("/é/{x}", "must be written as clients send it: '/%C3%A9/%7Bx%7D'"),
    ],
)
def test_what_is_no_path_is_refused(path: str, reason: str) -> None:
    assert reason in str(path_fault(path))
