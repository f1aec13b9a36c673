"""The reference of the plugin ABI is complete and up to date, and its parser leaves out nothing."""

from __future__ import annotations

import re

import pytest

from tools.abi_reference.__main__ import HEADER, MARK, PAGE, whole_page
from tools.abi_reference.entries import HeaderError, Source
from tools.abi_reference.header import Header, Named, read_header
from tools.abi_reference.page import generated
from tools.abi_reference.released import check_appended

BEGIN = "/* A small header. */\n#ifndef GRPS_SMALL_H\n#define GRPS_SMALL_H\n\n"
FIRST_LINE = BEGIN.count("\n") + 1
"""The line of what stands behind ``BEGIN``."""
STRUCT = """\
/* Two numbers. */
typedef struct grps_pair {
  uint32_t struct_size;
  int32_t first; /* the first | of them */

  /* Adds both, and returns
   * the sum. */
  int64_t (*add)(const struct_of_no_one *pair,
                 int32_t more) GRPS_NOEXCEPT;
  /* Says it. */
  const char *(*text)(void *pair)GRPS_NOEXCEPT;
} grps_pair;

"""
SIZE = "GRPS_LAYOUT(sizeof(grps_pair) == 24 && offsetof(grps_pair, first) == 4);\n"


def small(text: str) -> Header:
    return read_header(Source("small.h", f"{BEGIN}{text}\n#endif\n"))


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert whole_page(page) == page, "run: make generate"


def test_every_field_and_enumerator_of_the_header_is_read() -> None:
    text = HEADER.read_text(encoding="utf-8")
    header = read_header(Source("plugin.h", text))
    functions = [
        field
        for struct in header.structs
        for group in struct.groups
        for field in group
        if "(*" in field.code
    ]
    assert len(functions) + len(header.functions) == text.count("(*")
    values = sum(len(enum.values) for enum in header.enums)
    assert values == len(re.findall(r"GRPS_\w+ = \d", text))
    assert len(header.structs) + len(header.handles) == text.count("typedef struct")
    asserted = sum(len(offsets) for offsets in header.offsets.values()) + len(header.sizes)
    assert asserted == text.count("sizeof(") + text.count("offsetof(")


def test_enumerations() -> None:
    header = small(
        "/* Kinds. */\nenum grps_kind {\n  GRPS_A = 0, /* one; or, {two} */\n"
        "  /* above */\n  GRPS_B = 1,\n  GRPS_C = 20 /* last */\n};\n"
        "/* Levels. */\nenum grps_level { GRPS_D = 0, GRPS_E = 1 };\n"
    )
    kinds, levels = header.enums
    assert (kinds.name, kinds.text) == ("grps_kind", "Kinds.")
    assert kinds.values == (
        Named("GRPS_A", "one; or, {two}", "0"),
        Named("GRPS_B", "above", "1"),
        Named("GRPS_C", "last", "20"),
    )
    assert [(value.name, value.code) for value in levels.values] == [
        ("GRPS_D", "0"),
        ("GRPS_E", "1"),
    ]


def test_structs_have_groups_of_fields_and_functions() -> None:
    header = small(STRUCT + SIZE)
    (struct,) = header.structs
    assert struct.groups == (
        (
            Named("struct_size", "", "uint32_t struct_size"),
            Named("first", "the first | of them", "int32_t first"),
        ),
        (
            Named(
                "add",
                "Adds both, and returns\nthe sum.",
                "int64_t (*add)(const struct_of_no_one *pair, int32_t more)",
            ),
            Named("text", "Says it.", "const char *(*text)(void *pair)"),
        ),
    )
    assert header.sizes == {"grps_pair": 24}
    assert header.offsets == {"grps_pair": {"first": 4}}


def test_macros_of_both_languages_share_a_comment() -> None:
    header = small(
        "/* Ends. */\n#ifdef __cplusplus\n#define GRPS_END noexcept\n"
        'extern "C" {\n#else\n#define GRPS_END\n#endif\n'
        "\n/* The version. */\n#define GRPS_MAJOR 3\n"
    )
    assert header.macros["GRPS_END"].values == {"C++": "noexcept", "C": ""}
    assert header.macros["GRPS_END"].text == "Ends."
    assert header.macros["GRPS_MAJOR"].values == {"both": "3"}
    assert header.opening == "A small header."


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        (
            "/* A. */\nint grps_f(void);\n",
            1,
            "this declaration is not understood: int grps_f(void);",
        ),
        ("union grps_u { int a; };\n", 0, "this declaration is not understood: union grps_u {"),
        ("#pragma once\n", 0, "this declaration is not understood: #pragma once"),
        (
            "/* E. */\nenum grps_e {\n  GRPS_A,\n};\n",
            2,
            "this declaration is not understood: GRPS_A,",
        ),
        ("enum grps_e { GRPS_A = 1 };\n", 0, "grps_e has no comment"),
        ("/* Of nothing. */\n\n#include <a.h>\n", 0, "this comment is above no declaration"),
        ("typedef struct grps_a grps_a;\n", 0, "grps_a has no comment"),
        (STRUCT, 1, "no GRPS_LAYOUT asserts the size of grps_pair"),
        (STRUCT + SIZE.replace(", first", ", other"), 13, "grps_pair has no field other"),
        (
            STRUCT.replace("int32_t first", "int32_t first[2]"),
            3,
            "this declaration is not understood",
        ),
        (
            STRUCT.replace("(void *pair)GRPS_NOEXCEPT", "(void *pair)"),
            10,
            "this declaration is not",
        ),
        (STRUCT.replace("  /* Says it. */\n", ""), 9, "text has no comment"),
        (STRUCT.replace("} grps_pair", "} grps_two"), 11, "grps_pair ends as 'grps_two'"),
    ],
)
def test_what_is_not_understood_is_an_error_with_its_line(text: str, line: int, fault: str) -> None:
    with pytest.raises(HeaderError) as raised:
        small(text)
    assert str(raised.value).startswith(f"small.h:{FIRST_LINE + line}: {fault}")


def test_a_header_begins_with_its_description() -> None:
    with pytest.raises(HeaderError, match="begins with no comment"):
        read_header(Source("small.h", BEGIN.partition("\n")[2] + "#endif\n"))


def test_a_group_of_fields_needs_a_title() -> None:
    with pytest.raises(
        ValueError, match=r"grps_pair: the group .* begins with struct_size has no title"
    ):
        generated(small(STRUCT + SIZE))


def test_a_name_that_the_page_has_not_is_an_error() -> None:
    with pytest.raises(ValueError, match="not these names of the header: GRPS_UNDEFINED"):
        generated(small("#undef GRPS_UNDEFINED\n"))


def test_comments_become_markdown() -> None:
    page = generated(
        small(
            "/* May be `a | b`, a grps_kind or grps_host.fail; see a_b. */\n"
            "typedef struct grps_x grps_x;\n"
            "/* Kinds. */\nenum grps_kind { GRPS_A = 1 };\n"
        )
    )
    meaning = "May be `a \\| b`, a [`grps_kind`](#grps_kind) or `grps_host.fail`; see `a_b`."
    assert f"| `grps_x` | {meaning} |\n" in page
    assert "| name | value |\n|---|---|\n| `GRPS_A` | 1 |\n" in page


def test_the_mark_must_be_there_once() -> None:
    with pytest.raises(ValueError, match="must have this line once"):
        whole_page(f"{MARK}{MARK}")


OTHER_NAME = ("grps_pair", "grps_two")


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("int32_t first;", "int64_t first;", "'int64_t first' where 'int32_t first' was released"),
        ("  int32_t first; /* the first | of them */\n", "", "where 'int32_t first' was released"),
        (*OTHER_NAME, "grps_pair lacks what was released: uint32_t struct_size"),
    ],
)
def test_what_was_released_does_not_change(before: str, after: str, fault: str) -> None:
    size = SIZE if before == "grps_pair" else SIZE.partition(" && ")[0] + ");\n"
    changed = small((STRUCT + size).replace(before, after))
    with pytest.raises(ValueError, match=re.escape(fault)):
        check_appended(small(STRUCT + SIZE), changed)


def test_a_header_may_append() -> None:
    field = "  /* One more. */\n  void (*more)(void *pair) GRPS_NOEXCEPT;\n} grps_pair;"
    longer = STRUCT.replace("} grps_pair;", field)
    check_appended(small(STRUCT + SIZE), small(longer + SIZE))
