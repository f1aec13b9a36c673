"""Files inside requests: as the whole body, as base64 text, or several by name."""

from __future__ import annotations

import base64
import binascii

from grps.errors import InputError
from grps.protocol.pb.grps_pb2 import GrpsMessage

_DATA_URL = "data:"


def files_of(message: GrpsMessage, what: str, most: int) -> list[bytes]:
    """Return the files that a request holds.

    Args:
        message: ``bin_data`` is one file, ``str_data`` one as base64 or a data URL, and
            ``gmap.s_b`` several, taken in the order of their names.
        what: What a file is, for messages: ``image``.
        most: Most files in one request.

    Raises:
        InputError: The request holds no file, or too many.
    """
    kind = message.WhichOneof("data_oneof")
    if kind == "bin_data":
        files = [message.bin_data]
    elif kind == "str_data":
        files = [_from_base64(message.str_data, what)]
    elif kind == "gmap" and message.gmap.s_b:
        files = [message.gmap.s_b[name] for name in sorted(message.gmap.s_b)]
    else:
        raise InputError(
            f"the model takes {what} files: send one as the body, its base64 as str_data, or "
            "several in gmap.s_b"
        )
    if len(files) > most:
        raise InputError(f"the request has {len(files)} {what} files; at most {most} are allowed")
    for index, file in enumerate(files):
        if not file:
            raise InputError(f"{what} {index + 1} of {len(files)} is empty")
    return files


def _from_base64(text: str, what: str) -> bytes:
    if text.startswith(_DATA_URL):
        _, _, text = text.partition(",")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"str_data is not the base64 of one {what} file: {error}") from error
