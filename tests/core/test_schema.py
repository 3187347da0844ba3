"""The editor schema says what the program says."""

import tomllib
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from smoothkit.errors import UserError
from smoothkit.schema import scenario_schema

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FILES = sorted(SCENARIOS.rglob("*.toml"))


@cache
def validator_of(scenario):
    from smoothkit.plugins import PluginHost, PluginOptions

    schema = scenario_schema(scenario, PluginHost(PluginOptions()).registry)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture
def validator():
    return validator_of("supervised")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SCENARIOS)))
def test_every_bundled_file_is_valid(path):
    content = whole = tomllib.loads(path.read_text(encoding="utf-8"))
    while "extends" in whole:
        path = path.parent / whole["extends"]
        whole = tomllib.loads(path.read_text(encoding="utf-8"))
    assert list(validator_of(whole["scenario"]).iter_errors(content)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SCENARIOS)))
def test_every_bundled_file_points_at_its_schema(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("#:schema ")
    assert (path.parent / first.removeprefix("#:schema ")).resolve().is_relative_to(SCENARIOS / "schema")


GOOD = [
    "",
    "title = 'x'\nbaseline = 'a'\n[variants.a]\ntarget = 'ls'\n[profiles.full.train]\nepochs = 3",
    "against = 'a'\nbaseline = 'y'\n[grid.a]\nx = { target = 'ls' }\ny = {}\n[grid.b.z.train]\nepochs = 3",
    "against = 'a'\n[levels.v]\na = 'x'\n[variants.v.train]\nepochs = 3",
    "target = { name = 'ls', alpha = 0.2, convention = 'others' }",
    "target = { name = 'matrix', matrix = [[1.0, 0.0], [0.0, 1.0]] }",
    "data = { name = 'npz', path = 'x.npz', validation = 0.1 }",
    "data.validation = 3",
    "run.seeds = [1, 2]",
    "[train]\naugment = ['flip', { name = 'crop', padding = 2 }]",
    "[data]\nlabel_noise = { rate = 0.1 }",
]
BAD = [
    "tittle = 'x'",
    "scenario = 'gan'",
    "target = 'lss'",
    "target = { name = 'ls', alhpa = 0.2 }",
    "target = { name = 'ls', alpha = 1.2 }",
    "target = { name = 'ls', convention = 'al' }",
    "target = { name = 'onehot', alpha = 0.2 }",
    "train.epochs = 0",
    "train.epochs = 1.5",
    "train.lr = 'x'",
    "train.lrr = 0.1",
    "train = 3",
    "[variants.a]\ntrian.lr = 1",
    "variants = 3",
    "variants = {}",
    "[grid.a.x]\ntrian.lr = 1",
    "[grid.a.x]\n[variants.v]",
    "grid = {}",
    "grid.a = {}",
    "grid.a.x = 3",
    "against = 3\n[grid.a.x]",
    "[levels.v]\na = 'x'",
    "[variants.v]\n[levels.v]\na = 1",
    "[train]\naugment = ['flop']",
    "[train]\naugment = [{ name = 'crop', pading = 2 }]",
    "[data]\nlabel_noise = { rate = 2 }",
    "run.seeds = []",
    "run.seeds = [-1]",
    "run.precision = 'fp16'",
]


@pytest.mark.parametrize("text", [*GOOD, *BAD])
def test_the_schema_and_the_program_agree(text, validator, bundled, write):
    from smoothkit.errors import ConfigError
    from smoothkit.scenario_file import load_scenario

    by_schema = validator.is_valid(tomllib.loads(text))
    text = text if text.startswith("scenario") else f'scenario = "supervised"\n{text}'
    try:
        by_program = bool(load_scenario(write(text), bundled))
    except ConfigError:
        by_program = False
    assert by_schema == by_program == (text.removeprefix('scenario = "supervised"\n') in GOOD)


def test_a_scenario_that_is_not_there_is_refused(bundled):
    with pytest.raises(UserError, match="no scenario is called 'supervise'; did you mean 'supervised'"):
        scenario_schema("supervise", bundled.registry)


def test_every_value_explains_itself(validator):
    """An editor shows the description of each key; a key without one was forgotten."""
    bare = []

    def visit(node, path):
        if isinstance(node, dict):
            for key, value in node.get("properties", {}).items():
                if isinstance(value, dict) and not {"const", "$ref"} & set(value):
                    inner = "description" in value or path.startswith("option of")
                    bare.extend([] if inner else [f"{path}.{key}"])
            for key, value in node.items():
                visit(value, f"option of {path}" if key == "anyOf" else f"{path}.{key}")
        elif isinstance(node, list):
            for item in node:
                visit(item, path)

    visit(validator.schema, "schema")
    assert bare == []
