"""Bodies of forms, sound and malformed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grps.backends.torch.torchserve.form import (
    MAX_HEAD_BYTES,
    MAX_PARTS,
    Part,
    read_multipart,
    read_pairs,
)
from grps.errors import InputError

TYPE = "multipart/form-data; boundary=xyz"
PART = b'--xyz\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--xyz--\r\n"


def test_parts_keep_their_bytes_and_types() -> None:
    file = (
        b'--xyz\r\nContent-Disposition: form-data; name="data"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n--xy\r\n\r\n"
    )
    parts = read_multipart(form(PART % (b"a", b"1"), file, PART % (b"e", b"")), TYPE)
    assert parts == [
        Part("a", b"1"),
        Part("data", b"\x89PNG\r\n\x1a\n--xy\r\n", "image/png"),
        Part("e", b""),
    ]


def test_a_preamble_and_other_spellings_are_read() -> None:
    body = b"preamble\r\n--xyz \t\r\ncontent-disposition: form-data; NAME=a\r\n\r\n1\r\n--xyz--"
    assert read_multipart(body, 'multipart/form-data; BOUNDARY="xyz"') == [Part("a", b"1")]
    quoted = b'--xyz\r\nContent-Disposition: form-data; name="a\\"b"\r\n\r\n1\r\n--xyz--'
    assert read_multipart(quoted, TYPE) == [Part('a"b', b"1")]


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"", TYPE, "no part"),
        (b"--xyz\r\n", TYPE, "is cut"),
        (PART % (b"a", b"1"), TYPE, "is cut"),
        (b"--xyzz\r\n\r\n\r\n--xyz--", TYPE, "is cut"),
        (form(b"--xyz\r\nContent-Disposition: form-data\r\n\r\n1\r\n"), TYPE, "no name"),
        (form(b"--xyz\r\n\r\n1\r\n"), TYPE, "no name"),
        (form(b"--xyz\r\nno-blank-line\r\n"), TYPE, "no headers"),
        (form(), "multipart/form-data", "needs a boundary"),
        (form(), "multipart/form-data; boundary=" + "x" * 71, "needs a boundary"),
        (form(), 'multipart/form-data; boundary="\u00e9"', "not ASCII"),
    ],
)
def test_malformed_forms(body: bytes, content_type: str, text: str) -> None:
    with pytest.raises(InputError, match=text):
        read_multipart(body, content_type)


def test_the_number_of_parts_is_limited() -> None:
    part = PART % (b"a", b"1")
    assert len(read_multipart(form(*[part] * MAX_PARTS), TYPE)) == MAX_PARTS
    with pytest.raises(InputError, match="more than 1000 parts"):
        read_multipart(form(*[part] * (MAX_PARTS + 1)), TYPE)
    assert len(read_pairs("&".join(["a=1"] * MAX_PARTS))) == MAX_PARTS
    with pytest.raises(InputError, match="more than 1000 fields"):
        read_pairs("&".join(["a=1"] * (MAX_PARTS + 1)))


def test_the_headers_of_a_part_are_limited() -> None:
    def part(length: int) -> bytes:
        head = b'--xyz\r\nContent-Disposition: form-data; name="a"\r\nX: '
        start = len(head) - len(b"--xyz\r\n")
        return head + b"x" * (length - start) + b"\r\n\r\n1\r\n"

    assert read_multipart(form(part(MAX_HEAD_BYTES)), TYPE) == [Part("a", b"1")]
    with pytest.raises(InputError, match="over 8192 bytes"):
        read_multipart(form(part(MAX_HEAD_BYTES + 1)), TYPE)


@given(st.lists(st.sampled_from([b"--xyz", b"--", b"\r\n", b'; name="a"', b"a:", b"\0", b"x"])))
def test_garbage_is_read_or_refused(pieces: list[bytes]) -> None:
    try:
        parts = read_multipart(b"".join(pieces), TYPE)
    except InputError:
        return
    assert all(part.name for part in parts)


@given(st.data())
def test_a_cut_form_is_refused(data: st.DataObject) -> None:
    whole = form(PART % (b"a", b"1"), PART % (b"b", b"22"))
    end = len(whole) - len(b"--\r\n")
    with pytest.raises(InputError):
        read_multipart(whole[: data.draw(st.integers(0, end))], TYPE)
