"""Functions and classes of the user's, run as inferers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from grps.errors import ModelError
from grps.inference.app.declaration import declare
from grps.inference.app.inferers import AppInferer, inferer_of
from grps.inference.context import GrpsContext
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Scaled:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def infer(self, name: str) -> str:
        return name * self.factor


def labels(texts: list[str], kinds: list[str] = ()) -> list[str]:  # type: ignore[assignment]
    return [f"{text}/{kind}" for text, kind in zip(texts, kinds or "-" * len(texts), strict=True)]


def loaded(target: Any, args: Any = None, **options: Any) -> AppInferer:
    inferer = inferer_of(declare(target, None, options))
    inferer.init(None, None, args)
    inferer.load()
    return inferer


def test_a_class_gets_its_arguments() -> None:
    answer = loaded(Scaled, {"factor": 2}).infer(GrpsMessage(str_data="ab"), GrpsContext())
    assert answer == GrpsMessage(str_data="abab")


@pytest.mark.parametrize(
    ("args", "cause"),
    [
        (None, "missing a required argument: 'factor'"),
        ({"factor": 1, "more": 2}, "got an unexpected keyword argument 'more'"),
    ],
)
def test_wrong_arguments_of_a_class_come_with_where_they_are_given(args: Any, cause: str) -> None:
    with pytest.raises(ModelError, match=f"Scaled.__init__: {cause}; .* --inferer_arg KEY=VALUE"):
        loaded(Scaled, args)


def test_requests_of_a_batch_may_leave_out_different_parameters() -> None:
    requests = [
        GrpsMessage(str_data=json.dumps(values))
        for values in ({"texts": "a"}, {"texts": "b", "kinds": "x"}, {"texts": "c"})
    ]
    answers = loaded(labels, max_batch_size=8).batch_infer(requests, [GrpsContext()] * 3)
    assert [answer.str_data for answer in answers] == ["a/-", "b/x", "c/-"]
