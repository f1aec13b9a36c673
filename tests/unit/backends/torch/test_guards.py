"""Guards of torch.export programs in words, and the sizes that they allow."""

from __future__ import annotations

import pytest

from grps.backends.torch.guards import allows, in_words, named_sizes

SIZES = {("x", 0): 6, ("y_a_0", 1): 4}


@pytest.mark.parametrize(
    ("code", "words", "allowed"),
    [
        (
            "(L['x'].size()[0] // 2) != 1",
            "(dimension 0 of x divided by 2 (rounded down)) is not 1",
            True,
        ),
        ("L['x'].size()[0] % 4 == 0", "dimension 0 of x modulo 4 equals 0", False),
        (
            "(((-3) + L['y']['a'][0].size()[1]) // L['x'].size()[0]) >= 1",
            "((-3 + dimension 1 of y_a_0) divided by dimension 0 of x) is at least 1",
            False,
        ),
        ("2*L['x'].size()[0] <= 12", "2 times dimension 0 of x is at most 12", True),
        ("max(1, L['x'].size()[0]) < 7", "max(1, dimension 0 of x) is less than 7", True),
        (
            "L['x'].size()[0] > 2 and 1 > 2",
            "dimension 0 of x is more than 2 and 1 is more than 2",
            False,
        ),
        (
            "L['x'].size()[0] % (1 // 2) == 0",
            "dimension 0 of x modulo (1 divided by 2 (rounded down)) equals 0",
            False,
        ),
        ("L['z'].size()[0] == 1", "dimension 0 of z equals 1", True),
        ("f(L['x'].size()[0]).real == 1", "f(dimension 0 of x).real equals 1", True),
        ("L['x'].size()[0] ==", "dimension 0 of x ==", True),
    ],
)
def test_guards(code: str, words: str, allowed: bool) -> None:
    assert in_words(named_sizes(code)) == words
    assert allows(code, SIZES) is allowed
