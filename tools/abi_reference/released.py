"""Whether a header only appends to the one that was released."""

from __future__ import annotations

from collections.abc import Iterator

from tools.abi_reference.header import Header


def check_appended(released: Header, header: Header) -> None:
    """Compare a header with the released one of the same major version.

    Raises:
        ValueError: Something that was released is missing, or is another.
    """
    if _number(released, "GRPS_PLUGIN_MAJOR") != _number(header, "GRPS_PLUGIN_MAJOR"):
        return
    present = dict(_declarations(header))
    for name, declared in _declarations(released):
        found = present.get(name, ())
        for index, code in enumerate(declared):
            if index >= len(found):
                raise ValueError(f"{header.source.name}: {name} lacks what was released: {code}")
            if found[index] != code:
                raise ValueError(
                    f"{header.source.name}: {name} has {found[index]!r} where {code!r} was released"
                )


def _number(header: Header, macro: str) -> dict[str, str] | None:
    found = header.macros.get(macro)
    return found.values if found is not None else None


def _declarations(header: Header) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what a plugin is compiled against: the parts of each declaration, in their order."""
    for struct in header.structs:
        yield struct.name, tuple(field.code for group in struct.groups for field in group)
    for enum in header.enums:
        yield enum.name, tuple(f"{value.name} = {value.code}" for value in enum.values)
    for handle in header.handles:
        yield handle.name, (handle.code,)
    for function in header.functions:
        yield function.name, (function.code,)
