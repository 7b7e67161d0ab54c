"""Text to data with places, and data to models with plain-English errors: every kind of bad input, and none with a traceback."""

import contextlib
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from dse.errors import InputError, UnsupportedLayer
from dse.inputs.document import MAX_BYTES, resolve
from dse.inputs.yaml import Bandwidth, Listed, Quantity, Strict, Time, read_document, read_text, validate


def problems(text):
    with pytest.raises(InputError) as caught:
        read_text(text, "f.yaml")
    return [str(problem) for problem in caught.value.problems]


class TestPlaces:
    TEXT = "name: a\nlayers:\n  - {name: x, size: 3}\n  - name: y\n    size:\n      - 1\n      - two\n"

    @pytest.mark.parametrize(
        ("path", "line", "column"),
        [
            ((), 1, 1),
            (("name",), 1, 7),
            (("layers",), 3, 3),
            (("layers", 0), 3, 5),
            (("layers", 0, "size"), 3, 21),
            (("layers", 1, "size", 1), 7, 9),
            (("layers", 1, "missing", "deeper"), 4, 5),
        ],
    )
    def test_value(self, path, line, column):
        place = read_text(self.TEXT, "f.yaml").place(path)
        assert (place.file, place.line, place.column) == ("f.yaml", line, column)

    def test_key(self):
        document = read_text(self.TEXT, "f.yaml")
        assert str(document.key_place(("layers", 0, "size"))) == "f.yaml:3:15"
        assert str(document.key_place(("layers",))) == "f.yaml:2:1"
        assert str(document.key_place(("layers", 1))) == "f.yaml:4:5"

    def test_value_and_data_agree(self):
        document = read_text(self.TEXT)
        assert document.value(("layers", 1, "size", 1)) == "two"
        assert document.data == {"name": "a", "layers": [{"name": "x", "size": 3}, {"name": "y", "size": [1, "two"]}]}

    def test_alias_stands_where_its_anchor_stands(self):
        document = read_text("a: &x {b: 1}\nc: *x\n")
        assert document.data == {"a": {"b": 1}, "c": {"b": 1}}
        assert str(document.place(("c", "b"))) == "<text>:1:11"

    def test_windows_line_ends_and_byte_order_mark(self, tmp_path):
        path = tmp_path / "w.yaml"
        path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb:\r\n  - 2\r\n")
        document = read_document(path)
        assert document.data == {"a": 1, "b": [2]}
        assert document.place(("b", 0)).line == 3


class TestScalars:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("12", 12), ("-3", -3), ("0o17", 15), ("0x1F", 31), ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("true", True),
            ("no", "no"), ("yes", "yes"), ("on", "on"), ("1_000", "1_000"), ("2024-01-02", "2024-01-02"), ("1:30", "1:30"),
            ("34 GB/s", "34 GB/s"), ("~", None), ("", None), ("+.inf", float("inf")), ("010", 10),
        ],
    )  # fmt: skip
    def test_core_schema(self, text, value):
        assert resolve(text) == value
        assert type(resolve(text)) is type(value)

    def test_quoted_is_text(self):
        assert read_text("a: '3'\nb: \"true\"\nc: |\n  x\n").data == {"a": "3", "b": "true", "c": "x\n"}

    def test_keys_are_text(self):
        assert read_text("28: a\ntrue: b\n").data == {"28": "a", "true": "b"}


class TestBadTexts:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", "f.yaml: is empty"),
            ("# only a remark\n", "f.yaml: is empty"),
            ("word\n", "f.yaml:1:1: holds just 'word'"),
            ("a:\n\tb: 1\n", "f.yaml:2:1: a tab indents this line"),
            ("a: [1, 2\nb: 3\n", "a list that opens with '[' is not closed"),
            ("a: {b: 1\nc: 3\n", "a mapping that opens with '{' is not closed"),
            ("a: b: c\n", "f.yaml:1:5: a ':' stands where none can"),
            ("a: 'x\n", "the text ends inside a quoted string"),
            ("a: 1\n b: 2\n", "f.yaml:2:3: a ':' stands where none can"),
            ("a: *b\n", "f.yaml:1:4: no anchor &b stands before this alias"),
            ("a: &a [*a]\n", "f.yaml:1:8: *a stands inside its own anchor"),
            ("a: !!python/object:os.system x\n", "is not known here"),
            ("<<: {a: 1}\n", "merge keys (<<) are not part of YAML 1.2"),
            ("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document starts here"),
            ("? [1, 2]\n: 3\n", "a key must be a text"),
            ("a: \x07\n", "f.yaml:1:4: holds the control character U+0007"),
            ('a: "\\ud800"\n', "half of a pair"),
            ("a: " + "9" * 5000, "f.yaml:1:4: a number of 5000 digits"),
            ("[" * 100, "nested more than 64 levels deep"),
        ],
    )
    def test_message(self, text, expected):
        assert any(expected in problem for problem in problems(text))

    def test_every_duplicate_key_is_told_with_its_first(self):
        found = problems("a: 1\nb: {c: 1, c: 2}\na: 3\n")
        assert [line for problem in found for line in problem.splitlines()] == [
            "f.yaml:2:11: the key 'c' stands here again",
            "    it stands first at f.yaml:2:5",
            "f.yaml:3:1: the key 'a' stands here again",
            "    it stands first at f.yaml:1:1",
        ]

    def test_aliases_cannot_multiply(self):
        """Nine levels of ten aliases are 1e9 values in 500 bytes."""
        levels = "\n".join(f"b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * 10)}]" for i in range(1, 10))
        assert "with its aliases written out" in problems(f"b0: &b0 [x, x]\n{levels}\n")[0]

    def test_aliases_count_where_lists_close(self):
        items = ", ".join(["x"] * 400)
        lists = ", ".join(["*a"] * 400)
        assert "with its aliases written out" in problems(f"a: &a [{items}]\nb: &b [{lists}]\nc: [[*b], [*b]]\n")[0]

    def test_a_suite_of_forty_kilobytes_reads(self):
        entry = "  - {name: conv, kind: conv2d, filters: 64, kernel: [3, 3], stride: 2, padding: 1, activation: relu}\n"
        assert len(read_text("layers:\n" + entry * 400).data["layers"]) == 400

    @given(st.text(alphabet=" \t\n-:?[]{}&*!|>'\"%@`,#ab1\x00\ud800é", max_size=40))
    def test_any_text_is_data_or_an_input_error(self, text):
        with contextlib.suppress(InputError):
            assert read_text(text).data is not None


class TestBadFiles:
    def said(self, path):
        with pytest.raises(InputError) as caught:
            read_document(path)
        return str(caught.value)

    def test_missing_file_names_a_near_one(self, tmp_path):
        (tmp_path / "speech.yaml").write_text("a: 1")
        assert f"in {tmp_path}: did you mean 'speech.yaml'?" in self.said(tmp_path / "speach.yaml")
        assert "there is no folder" in self.said(tmp_path / "nowhere" / "x.yaml")

    def test_folder(self, tmp_path):
        assert "is a folder" in self.said(tmp_path)

    def test_binary(self, tmp_path):
        path = tmp_path / "x.yaml"
        path.write_bytes(b"a: 1\n\0\1\2")
        assert "is not a text file" in self.said(path)

    def test_not_utf8_has_a_place(self, tmp_path):
        path = tmp_path / "x.yaml"
        path.write_bytes("a: 1\nb: é\n".encode("latin-1"))
        assert f"{path}:2:4: is not UTF-8 text (byte 0xe9)" in self.said(path)

    def test_large_file_is_refused_by_its_size(self, tmp_path):
        path = tmp_path / "x.yaml"
        path.write_bytes(b"#" * (MAX_BYTES + 1))
        assert "4,194,305 bytes; at most 4,194,304" in self.said(path)

    def test_impossible_name(self):
        assert self.said("a\0b.yaml")


class Square(Strict):
    kind: Literal["square"]
    side: int = Field(ge=1, description="length of a side")


class Wire(Strict):
    kind: Literal["wire"]
    rate: Bandwidth
    delay: Time | None = None
    loss: Annotated[float, Quantity("power", positive=False)] = 0.0


class Sheet(Strict):
    name: str = Field(pattern="^[a-z]+$", description="lower-case letters")
    shapes: Listed[Annotated[Square | Wire, Field(discriminator="kind")]] = ()
    scale: float = 1.0
    mode: Literal["fast", "exact"] = "fast"
    flag: bool = False
    from_: str | None = Field(None, alias="from")


def wrong(text, model=Sheet, **options):
    with pytest.raises(InputError) as caught:
        validate(read_text(text, "f.yaml"), model, **options)
    return str(caught.value).splitlines()


SHEET_KEYS = "known keys: name, shapes, scale, mode, flag, from"


class TestValidate:
    def test_good(self):
        shapes = "  - {kind: square, side: 3}\n  - {kind: wire, rate: 34 GB/s, delay: 10 ms, loss: 0 W}\n"
        text = f"name: a\nfrom: b\nscale: 2\nshapes:\n{shapes}"
        sheet = validate(read_text(text), Sheet)
        assert sheet.from_ == "b"
        assert sheet.scale == 2.0
        assert sheet.shapes == (Square(kind="square", side=3), Wire.model_construct(kind="wire", rate=34e9, delay=0.01, loss=0.0))

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("scal: 2", ["f.yaml:2:1: unknown key 'scal'", f"    did you mean 'scale'? {SHEET_KEYS}"]),
            ("scale: '2'", ["f.yaml:2:8: 'scale' must be a number, got '2'"]),
            ("scale: .inf", ["f.yaml:2:8: 'scale' must be a finite number, got inf"]),
            ("flag: yes", ["f.yaml:2:7: 'flag' must be true or false, got 'yes'"]),
            ("mode: exakt", ["f.yaml:2:7: 'mode' must be 'fast' or 'exact', got 'exakt'", "    did you mean 'exact'?"]),
            ("from: [b]", ["f.yaml:2:7: 'from' must be a text, got ['b']"]),
            ("shapes: 3", ["f.yaml:2:9: 'shapes' must be a list, got 3"]),
            ("shapes: [3]", ["f.yaml:2:10: entry 1 of 'shapes' must be a mapping, got 3"]),
            (
                "shapes: [{side: 3}]",
                ["f.yaml:2:10: entry 1 of 'shapes' lacks the key 'kind'", "    kind is one of: square, wire"],
            ),
            ("shapes: [{kind: square}]", ["f.yaml:2:10: entry 1 of 'shapes' lacks the key 'side'", "    side: length of a side"]),
            ("shapes: [{kind: square, side: 0}]", ["f.yaml:2:31: 'side' must be at least 1, got 0"]),
            ("shapes: [{kind: square, side: true}]", ["f.yaml:2:31: 'side' must be a whole number, got true"]),
            ("shapes: [{kind: square, side: 2.0}]", ["f.yaml:2:31: 'side' must be a whole number, got 2.0"]),
            (
                "shapes: [{kind: square, sied: 2, side: 2}]",
                ["f.yaml:2:25: unknown key 'sied'", "    did you mean 'side'? known keys: kind, side"],
            ),
            (
                "shapes: [{kind: wire, rate: 34}]",
                ["f.yaml:2:29: 'rate': 34 has no unit; write a bandwidth with one, such as '34 GB/s'"],
            ),
            ("shapes: [{kind: wire, rate: 0 B/s}]", ["f.yaml:2:29: 'rate': '0 B/s' must be more than zero"]),
        ],
    )  # fmt: skip
    def test_message(self, line, expected):
        assert wrong(f"name: a\n{line}\n") == expected

    def test_pattern_says_what_it_means(self):
        assert wrong("name: A1\n") == [
            "f.yaml:1:7: 'name' cannot be 'A1'",
            "    name: lower-case letters",
        ]

    def test_unknown_kind_is_an_error_of_its_own(self):
        with pytest.raises(UnsupportedLayer) as caught:
            validate(read_text("name: a\nshapes: [{kind: sqare, side: 3}]", "f.yaml"), Sheet, unknown_kind=UnsupportedLayer)
        assert str(caught.value).splitlines() == [
            "f.yaml:2:17: entry 1 of 'shapes': unknown kind 'sqare'",
            "    did you mean 'square'? known: square, wire",
        ]

    def test_everything_at_once_in_the_order_of_the_text(self):
        found = wrong("nam: a\nscale: x\nshapes: [{kind: square}, {kind: wire, rate: 3}]\nmode: slow\n")
        places = [line.split(": ")[0] for line in found if line.startswith("f.yaml")]
        assert places == ["f.yaml:1:1", "f.yaml:1:1", "f.yaml:2:8", "f.yaml:3:10", "f.yaml:3:45", "f.yaml:4:7"]

    def test_keys_of_a_free_mapping(self):
        class Limits(Strict):
            limits: dict[Annotated[str, Field(pattern="^[a-z]+$")], int]

        assert wrong("limits: {a: 1, B: 2}", Limits) == ["f.yaml:1:19: 'B' must be a text that matches ^[a-z]+$, got 'B'"]
        assert wrong("limits: {a: x}", Limits) == ["f.yaml:1:13: 'a' must be a whole number, got 'x'"]

    def test_root_of_another_kind(self):
        assert wrong("[1, 2]") == ["f.yaml:1:1: the document must be a mapping, got [1, 2]"]

    def test_schema_of_a_quantity(self):
        schema = Wire.model_json_schema()["properties"]["rate"]
        assert schema["type"] == "string"
        assert schema["examples"] == ["34 GB/s"]
