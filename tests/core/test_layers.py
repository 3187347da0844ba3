"""Layers of TOML tables, where each value was written, and overrides."""

import tomllib

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.errors import ConfigError
from smoothkit.layers import COMMAND_LINE, Layers, Origin, parse_override, read_toml

TEXT = '''\
# A comment, and a key in it: [target]
scenario = "supervised"          # line 2
title = """
[not a table]
lr = 3
"""

[train]                          # line 8
lr = 0.1
schedule.kind.name = "step"
augment = [
  "crop",
  { name = "mixup", alpha = 1.0 },
]
inline = { first = 1, second = { third = 2 } }

[variants."LS [a.b] = 0"]
target = { name = "ls", alpha = 0.1 }

[variants.matrix.target]         # line 20
name = "matrix"
matrix = [
  [0.9, 0.1],
  [0.1, 0.9]
]
ignore_index = 1

[[list.of.tables]]
key = 1
'quoted key' . "another" = 2
'''

LINES = {
    ("scenario",): 2,
    ("title",): 3,
    ("train",): 8,
    ("train", "lr"): 9,
    ("train", "schedule", "kind", "name"): 10,
    ("train", "schedule", "kind"): 10,
    ("train", "augment"): 11,
    ("train", "augment", 1, "alpha"): 11,
    ("train", "inline", "second", "third"): 15,
    ("train", "missing"): 8,
    ("variants", "LS [a.b] = 0"): 17,
    ("variants", "LS [a.b] = 0", "target", "alpha"): 18,
    ("variants", "matrix", "target"): 20,
    ("variants", "matrix", "target", "matrix"): 22,
    ("variants", "matrix", "target", "ignore_index"): 26,
    ("list", "of", "tables"): 28,
    ("list", "of", "tables", "quoted key", "another"): 30,
}


@pytest.mark.parametrize("path", LINES, ids=str)
def test_every_key_has_its_line(path, write):
    file = write(TEXT)
    _, origin = read_toml(file)
    assert origin.of(path) == f"{file}:{LINES[path]}"


def test_a_table_of_a_file_is_a_layer_of_its_own(write):
    file = write(TEXT)
    _, origin = read_toml(file)
    assert origin.within("variants", "matrix").of(("target", "matrix")) == f"{file}:22"
    assert origin.of(("nothing",)) == str(file)
    assert COMMAND_LINE.of(("train", "lr")) == "command line"


@given(
    st.recursive(
        st.integers(-5, 5) | st.text(alphabet="ab\"[]=#'\n", max_size=4) | st.booleans(),
        lambda inner: st.dictionaries(
            st.text(alphabet='ab .="[]', min_size=1, max_size=3), inner, min_size=1, max_size=3
        ),
        max_leaves=12,
    ).filter(lambda value: isinstance(value, dict))
)
def test_the_line_of_a_key_is_where_it_stands(tmp_path_factory, tables):
    file = tmp_path_factory.mktemp("lines") / "file.toml"
    file.write_text(tomlkit.dumps(tables), encoding="utf-8", newline="\n")
    values, origin = read_toml(file)
    lines = file.read_text(encoding="utf-8").split("\n")
    for path in leaves(values):
        line = lines[int(origin.of(path).rpartition(":")[2]) - 1]
        # The statement is `key = value`; alone it parses, or begins a value that goes on.
        with_one_key = tomllib.loads(line.partition(" = ")[0] + " = 0") if '"' not in line else {path[-1]: 0}
        assert path[-1] in str(with_one_key)


def leaves(table, path=()):
    for key, value in table.items():
        yield from leaves(value, (*path, key)) if isinstance(value, dict) else [(*path, key)]


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; a scenario file starts with a line such as"),
        (b" \n\n", "is empty"),
        (b"scenario = ", "is not valid TOML: Invalid value (at end of document)"),
        (b"a = 1\na = 2\nb = 3", "is not valid TOML: Cannot overwrite a value (at line 2, column 6)"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_file_that_is_no_toml_is_named(content, message, tmp_path):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_toml(path)
    (line,) = caught.value.problems
    assert line.startswith(f"{path}: {message}")


def test_a_file_that_is_not_there_or_is_a_folder_is_named(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file"):
        read_toml(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_toml(tmp_path)


# --- overrides -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("train.lr=1e-3", ("train", "lr"), 0.001),
        ("train.lr = 1e-3", ("train", "lr"), 0.001),
        ("target=ls++", ("target",), "ls++"),
        ("target='ls++'", ("target",), "ls++"),
        ("data.name=fashion-mnist", ("data", "name"), "fashion-mnist"),
        ("run.seeds=[3, 5]", ("run", "seeds"), [3, 5]),
        ("train.nesterov=true", ("train", "nesterov"), True),
        ("train.nesterov=True", ("train", "nesterov"), "True"),
        ("target={name = 'ls', alpha = 0.2}", ("target",), {"name": "ls", "alpha": 0.2}),
        ("data.path=/a/b=c.npz", ("data", "path"), "/a/b=c.npz"),
        ("run.threads=", ("run", "threads"), None),
        ("a.\"b.c\".'d e'=1", ("a", "b.c", "d e"), 1),
    ],
)
def test_an_override_is_toml_or_else_a_bare_string(text, path, value):
    assert parse_override(text) == (path, value)


@pytest.mark.parametrize("text", ["train.lr", "=3", ".=3", "train..lr=3", "a b=3", "# x=3", "[a]=3", "a\nb=3"])
def test_what_is_no_override_is_refused(text):
    with pytest.raises(ConfigError, match=r"is not of the form key\.path=value"):
        parse_override(text)


# --- laying ----------------------------------------------------------------------------------------------------------


def layered(*layers, keeps=None):
    tables = Layers(keeps or {})
    for number, layer in enumerate(layers):
        tables.lay(layer, Origin(f"file{number}", {}))
    return tables


def test_tables_merge_and_everything_else_replaces():
    tables = layered({"a": {"x": 1, "l": [1, 2]}, "b": 1}, {"a": {"y": 2, "l": [3]}, "b": {"c": 1}})
    assert tables.values == {"a": {"x": 1, "y": 2, "l": [3]}, "b": {"c": 1}}
    assert tables.origins == {("a", "x"): "file0", ("a", "y"): "file1", ("a", "l"): "file1", ("b", "c"): "file1"}


KEEPS = {("data",): frozenset({"name", "validation"})}


@pytest.mark.parametrize("other", [{"name": "npz"}, "npz"])
def test_another_component_drops_the_options_of_the_former_but_keeps_the_table_itself(other):
    first = {"data": {"name": "folder", "validation": 0.2, "size": 32}}
    assert layered(first, {"data": other}, keeps=KEEPS).values == {"data": {"name": "npz", "validation": 0.2}}
    assert layered(first, {"data": {"size": 8}}, keeps=KEEPS).values["data"]["size"] == 8
    assert layered(first, {"data": "folder"}, keeps=KEEPS).values == first


def test_a_reset_value_is_as_if_never_written():
    tables = layered({"a": {"x": 1, "y": {"z": 2}}})
    tables.reset(("a", "y"))
    tables.reset(("a", "missing", "deeper"))
    assert tables.values == {"a": {"x": 1}}
    assert tables.origins == {("a", "x"): "file0"}


def test_a_copy_is_on_its_own():
    tables = layered({"a": {"x": 1}})
    other = tables.copy()
    other.lay({"a": {"x": 2}}, COMMAND_LINE)
    assert tables.values == {"a": {"x": 1}}
    assert tables.origins == {("a", "x"): "file0"}


def test_the_origin_of_a_missing_value_is_that_of_its_neighbour():
    tables = layered({"a": {"x": 1}})
    assert tables.origin_of(("a", "missing")) == "file0"
    assert tables.origin_of(("b",)) is None
