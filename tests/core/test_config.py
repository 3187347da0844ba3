"""Configurations: what is wrong is told in one sentence for each place, all of it at once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
import torch
from annotated_types import Ge, Interval
from pydantic import InstanceOf, model_validator
from torch import Tensor

from smoothkit.config import Component, Config, component_fields, components, dump, option_model, validate
from smoothkit.errors import ConfigError, PluginError, UserError
from smoothkit.registry import Entry, Registry

ME = __name__


def smoothing(
    num_classes: int, alpha: Annotated[float, Interval(ge=0, le=1)] = 0.1, kind: Literal["all", "others"] = "all"
):
    """A factory with options."""
    if alpha == 0.13:
        raise ValueError("alpha is 0.13; that is unlucky")
    return num_classes, alpha, kind


def crop(padding: int = 4):
    """A factory with an option."""
    return padding


def with_required(root: Path, path: str, rows: Sequence[Sequence[float]] | InstanceOf[Tensor] | None = None):
    """A factory with a required option, and one that Python callers may give in a form of their own."""
    return root, path, rows


@dataclass(frozen=True)
class Ready:
    """Something that needs no options."""


READY = Ready()


class Target(Component):
    """A component with a default and a field of its own."""

    registry_kind = "targets"
    name: str = "smoothing"
    weight: Annotated[float, Ge(0)] = 1.0


class Augmentation(Component):
    """A component without a default."""

    registry_kind = "augmentations"


class Metric(Component):
    registry_kind = "metrics"


class Data(Component):
    registry_kind = "datasets"


class Train(Config):
    epochs: Annotated[int, Ge(1)] = 10
    lr: float = 0.1
    nesterov: bool = False
    schedule: Literal["constant", "cosine"] = "cosine"
    share: Annotated[float, Interval(gt=0, lt=1)] | Annotated[int, Ge(1)] = 0.1
    seeds: int | tuple[Annotated[int, Ge(0)], ...] = 1
    augment: tuple[Augmentation, ...] = ()

    @model_validator(mode="after")
    def _fits(self):
        if self.epochs == 13:
            raise ValueError("epochs must not be 13")
        return self


class Whole(Config):
    target: Target = Target()
    second: Target | None = None
    data: Data | None = None
    train: Train = Train(epochs=7)
    metrics: tuple[Metric, ...] = (Metric(name="ready"),)


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    for kind, name in [
        ("targets", "smoothing"),
        ("augmentations", "crop"),
        ("datasets", "with_required"),
    ]:
        registry.add(Entry(kind, name, f"{ME}:{name}", "test", "test 1"))
    registry.add(Entry("metrics", "ready", f"{ME}:READY", "test", "test 1"))
    return registry


@pytest.fixture
def problems(registry):
    """What is wrong with these values, by place."""

    def problems(values):
        config, found = validate(Whole, values, registry, also=["title"])
        assert (config is None) == bool(found)
        return {".".join(map(str, problem.path)): problem.message for problem in found}

    return problems


WRONG = {
    "unknown key, nearest offered": ({"train": {"epoch": 3}}, {"train.epoch": "unknown key; did you mean 'epochs'?"}),
    "unknown table": ({"trian": {}}, {"trian": "unknown key; did you mean 'train'?"}),
    "key that makes configurations": ({"titel": "x"}, {"titel": "unknown key; did you mean 'title'?"}),
    "unknown option": ({"target": {"alhpa": 0.1}}, {"target.alhpa": "unknown key; did you mean 'alpha'?"}),
    "unknown field of the table": ({"target": {"wieght": 1}}, {"target.wieght": "unknown key; did you mean 'weight'?"}),
    "unknown key of one entry": (
        {"train": {"augment": ["crop", {"name": "crop", "pad": 1}]}},
        {"train.augment.1.pad": "unknown key; did you mean 'padding'?"},
    ),
    "option of a thing without any": (
        {"metrics": [{"name": "ready", "bins": 15}]},
        {"metrics.0.bins": "unknown key; there are: name"},
    ),
    "text for a number": ({"train": {"lr": "1"}}, {"train.lr": 'input should be a valid number, got "1"'}),
    "truth for a count": ({"train": {"epochs": True}}, {"train.epochs": "input should be a valid integer, got true"}),
    "fraction for a count": ({"train": {"epochs": 1.5}}, {"train.epochs": "input should be a valid integer, got 1.5"}),
    "number for truth": ({"train": {"nesterov": 1}}, {"train.nesterov": "input should be a valid boolean, got 1"}),
    "infinity": ({"train": {"lr": float("inf")}}, {"train.lr": "input should be a finite number, got Infinity"}),
    "not a number": ({"train": {"lr": float("nan")}}, {"train.lr": "input should be a finite number, got NaN"}),
    "out of range": ({"train": {"epochs": 0}}, {"train.epochs": "input should be greater than or equal to 1, got 0"}),
    "option out of range": (
        {"target": {"alpha": 1.5}},
        {"target.alpha": "input should be less than or equal to 1, got 1.5"},
    ),
    "wrong choice": (
        {"train": {"schedule": "cosin"}},
        {"train.schedule": "input should be 'constant' or 'cosine', got \"cosin\"; did you mean 'cosine'?"},
    ),
    "no table": ({"train": 3}, {"train": "input should be a table, got 3"}),
    "no component": ({"target": 3}, {"target": "input should be a table, got 3"}),
    "no list": ({"train": {"augment": "crop"}}, {"train.augment": 'input should be a valid array, got "crop"'}),
    "no entry": ({"train": {"augment": [3]}}, {"train.augment.0": "input should be a table, got 3"}),
    "entry without a name": (
        {"train": {"augment": [{"padding": 2}]}},
        {"train.augment.0.name": "is missing and has no default"},
    ),
    "name of a wrong type": ({"target": {"name": 3}}, {"target.name": "input should be a valid string, got 3"}),
    "unknown component": (
        {"target": "smoothign"},
        {"target.name": "no target is called 'smoothign'; did you mean 'smoothing'?"},
    ),
    "unknown entry": (
        {"train": {"augment": ["crop", "corp"]}},
        {"train.augment.1.name": "no augmentation is called 'corp'; did you mean 'crop'?"},
    ),
    "required option": ({"data": "with_required"}, {"data.path": "is missing and has no default"}),
    "form for Python callers only": (
        {"data": {"name": "with_required", "path": "x", "rows": "x"}},
        {"data.rows": 'input should be a valid array, got "x"'},
    ),
    "none of two": (
        {"train": {"share": 1.5}},
        {"train.share": "input should be less than 1 or a valid integer, got 1.5"},
    ),
    "neither number": (
        {"train": {"share": "x"}},
        {"train.share": 'input should be a valid number or a valid integer, got "x"'},
    ),
    "inside the second of two": (
        {"train": {"seeds": [0, -1]}},
        {"train.seeds.1": "input should be greater than or equal to 0, got -1"},
    ),
    "two values that do not fit": ({"train": {"epochs": 13}}, {"train": "epochs must not be 13"}),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_mistake_has_one_sentence(case, problems):
    values, expected = WRONG[case]
    assert problems(values) == expected


def test_all_mistakes_are_told_at_once(problems):
    values = {
        "target": {"alpha": 2, "wieght": 1},
        "train": {"epochs": 0, "lr": "x", "augment": ["corp", {"name": "crop", "padding": "x"}]},
        "metric": [],
    }
    assert set(problems(values)) == {
        "target.alpha",
        "target.wieght",
        "train.epochs",
        "train.lr",
        "train.augment.0.name",
        "train.augment.1.padding",
        "metric",
    }


def test_a_configuration_says_everything_defaults_of_options_included(registry):
    config, _ = validate(Whole, {"train": {"epochs": 3, "augment": ["crop", {"name": "crop", "padding": 2}]}}, registry)
    assert config is not None
    assert dump(config) == {
        "target": {"name": "smoothing", "weight": 1.0, "alpha": 0.1, "kind": "all"},
        "train": {
            "epochs": 3,
            "lr": 0.1,
            "nesterov": False,
            "schedule": "cosine",
            "share": 0.1,
            "seeds": 1,
            "augment": [{"name": "crop", "padding": 4}, {"name": "crop", "padding": 2}],
        },
        "metrics": ["ready"],
    }


def test_a_table_that_is_not_written_is_the_models_own_default(registry):
    config, _ = validate(Whole, {}, registry)
    assert config is not None
    assert config.train.epochs == 7
    assert config.second is None
    assert config.data is None


@pytest.mark.parametrize("short", [{"name": "smoothing"}, "smoothing"])
def test_a_bare_string_chooses_a_component(short, registry):
    config, problems = validate(Whole, {"target": short, "second": short}, registry)
    assert problems == []
    assert config is not None
    assert config.target == config.second


def test_a_dump_validates_to_the_same_configuration(registry):
    values = {"second": {"alpha": 0.3}, "data": {"name": "with_required", "path": "x", "rows": [[1, 2.5]]}}
    config, _ = validate(Whole, values, registry)
    assert config is not None
    again, problems = validate(Whole, json.loads(json.dumps(dump(config))), registry)
    assert problems == []
    assert again == config


def test_configurations_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Train().epochs = 3


def test_components_are_found_at_any_depth():
    found = {".".join(map(str, path)): (kind.__name__, many) for path, kind, many in components(Whole)}
    assert found == {
        "target": ("Target", False),
        "second": ("Target", False),
        "data": ("Data", False),
        "train.augment": ("Augmentation", True),
        "metrics": ("Metric", True),
    }
    assert component_fields(Whole)["target",] == {"name", "weight"}
    assert ("metrics",) not in component_fields(Whole)


# --- building --------------------------------------------------------------------------------------------------------


@pytest.fixture
def _registered(registry, monkeypatch):
    from types import SimpleNamespace

    from smoothkit import plugins

    monkeypatch.setattr(plugins, "host", lambda: SimpleNamespace(registry=registry))


@pytest.mark.usefixtures("_registered")
def test_a_component_builds_from_the_files_options_and_the_hosts():
    assert Target(name="smoothing", alpha=0.2).build(num_classes=3) == (3, 0.2, "all")  # pyright: ignore[reportCallIssue]
    assert Metric(name="ready").build() is READY
    data = Data(name="with_required", path="x", rows=[[1, 2]])  # pyright: ignore[reportCallIssue]
    assert data.build(root=Path()) == (Path(), "x", [[1.0, 2.0]])


@pytest.mark.usefixtures("_registered")
def test_what_a_factory_refuses_is_the_users_mistake():
    with pytest.raises(UserError, match=r"target 'smoothing': alpha is 0\.13; that is unlucky"):
        Target(alpha=0.13).build(num_classes=3)  # pyright: ignore[reportCallIssue]
    with pytest.raises(ConfigError, match="targets: smoothing: input should be less than or equal to 1, got 2"):
        Target(alpha=2).build(num_classes=3)  # pyright: ignore[reportCallIssue]


def test_options_are_what_the_host_does_not_supply():
    assert set(option_model(smoothing, frozenset({"num_classes"})).model_fields) == {"alpha", "kind"}
    assert set(option_model(READY, frozenset()).model_fields) == set()


def test_a_signature_that_no_file_can_fill_is_the_plugins_mistake():
    def factory(generator: torch.Generator): ...

    with pytest.raises(PluginError, match=r"test_config.*factory: its signature does not say what a file may set"):
        option_model(factory, frozenset())
