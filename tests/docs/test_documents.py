"""What the documents say works: their code runs, their files load, their commands exist."""

import importlib
import json
import re
from pathlib import Path

import pytest
import torch

import smoothkit.metrics.streaming
from smoothkit import builtin, plugins
from smoothkit.cli import main
from smoothkit.plugins import PluginHost, PluginOptions
from smoothkit.scenario_file import load_scenario
from smoothkit.schema import scenario_schema

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.toml"))


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_readmes_python_runs():
    (code,) = blocks(ROOT / "README.md", "python")
    names = {"logits": torch.randn(4, 10), "labels": torch.arange(4)}
    exec(code, names)
    assert isinstance(names["loss"], torch.Tensor)
    assert names["loss"].isfinite()


def test_the_readmes_scenarios_load(tmp_path):
    files = []
    for text in blocks(ROOT / "README.md", "toml"):
        (tmp_path / "study.toml").write_text(text, encoding="utf-8")
        files.append(load_scenario(tmp_path / "study.toml", plugins.host()))
    variants, grid = files
    assert [variant.config.target.name for variant in variants.variants] == ["onehot", "ls++"]
    assert grid.baselines["LS, 100 images"] == "hard labels, 100 images"
    assert [variant.name for variant in grid.only(["*, 100 images"]).variants] == list(grid.baselines)[::2]


def test_the_readmes_commands_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`smoothkit ([a-z]+)", text)) - {"supervised"}
    assert named >= {"run", "resume", "check", "schema", "list", "show", "plugins", "report"}
    assert named <= set(main.commands)
    for flag in re.findall(r"`(--[a-z]+)`", text):
        assert any(flag in option.opts for command in main.commands.values() for option in command.params), flag


def test_the_plugin_guides_example_works_as_printed(tmp_path):
    guide = ROOT / "plugins" / "README.md"
    (code,) = blocks(guide, "python")
    scenario = next(text for text in blocks(guide, "toml") if "soft_ends.py" in text)
    (tmp_path / "soft_ends.py").write_text(code, encoding="utf-8")
    (tmp_path / "study.toml").write_text(scenario, encoding="utf-8")
    host = PluginHost(PluginOptions())
    (variant,) = load_scenario(tmp_path / "study.toml", host).variants
    assert variant.config.target.options["mass"] == 0.8
    target = host.registry.get("targets", "soft-ends").load()(4, mass=0.8)
    ends = target.distribution(torch.tensor([0, 1, 3]))
    torch.testing.assert_close(ends, torch.tensor([[0.8, 0.2, 0, 0], [0, 1.0, 0, 0], [0, 0, 0.2, 0.8]]))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_bundled_scenario_says_what_it_is_and_loads(path):
    text = path.read_text(encoding="utf-8")
    for word in ("What it shows", "Expected result", "Time", "Command"):
        assert f"# {word}" in text
    file = load_scenario(path, plugins.host())
    # These compare what is measured with what is claimed; all others compare variants.
    assert len(file.variants) > 1 or path.stem == "principles" or path.stem.endswith("-truths")
    load_scenario(path, plugins.host(), profile="full")
    smoke = load_scenario(path.parent / "smoke" / path.name, plugins.host())
    names, smoked = ([variant.name for variant in each.variants] for each in (file, smoke))
    # The peers of the null experiment are packages that need not be there, and take minutes.
    assert smoked == [name for name in names if name in smoked] if path.stem == "fairness-null" else smoked == names


@pytest.mark.parametrize("name", plugins.host().registry.names("scenarios"))
def test_the_schemas_in_the_repository_are_current(name):
    stored = json.loads((ROOT / "scenarios" / "schema" / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert stored == scenario_schema(name, plugins.host().registry), f"run: smoothkit schema {name}"


def test_no_source_file_outgrows_five_screens():
    sources = [path for folder in ("smoothkit", "plugins", "examples") for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 50
    long = {str(path): lines for path in sources if (lines := len(path.read_text("utf-8").splitlines())) > 300}
    assert not long


def feature_rows() -> list[tuple[str, str, str]]:
    """What the README's table says of each feature: what it is called, by which names, tested where."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = re.search(r"\| what \| smoothkit \|.*?\n\n", text, flags=re.DOTALL)
    assert table
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[0].strip().splitlines()[2:]]
    return [(what, ours, tests) for what, ours, _, tests in rows]


@pytest.mark.parametrize(("what", "ours", "tests"), feature_rows(), ids=lambda cell: cell[:24])
def test_a_feature_that_the_readme_claims_exists_and_is_tested(what, ours, tests):
    names = re.findall(r"`([^`]+)`", ours)
    files = re.findall(r"\]\(([^)]+)\)", tests)
    if ours == "not yet":
        assert not files
        return
    assert files, what
    registry = plugins.host().registry
    texts = "".join((ROOT / file).read_text(encoding="utf-8") for file in files)
    registered = {entry.name: entry for kind in ("targets", "augmentations") for entry in registry.entries(kind)}
    for name in names:
        if name in registered:
            assert registered[name].path.split(":")[1] in texts, f"{what}: {files} never mention {name}"
        elif name.startswith("smoothkit."):
            module, _, attribute = name.rpartition(".")
            assert attribute in texts
            assert hasattr(importlib.import_module(module), attribute)
        else:
            assert name.split()[0].strip("[]").rpartition(".")[2] in {"schedule", "weight_mode"}, name


def test_what_the_readme_says_of_measurement_exists_and_is_tested():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("| what | here |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]
    assert len(rows) == 10
    for what, ours, _, tests in rows:
        (file,) = re.findall(r"\]\(([^)]+)\)", tests)
        assert (ROOT / file).is_file(), what
        for name in re.findall(r"`([^`]+)`", ours):
            functions = vars(smoothkit.metrics) | vars(smoothkit.metrics.streaming)
            assert name in builtin.METRICS or name in functions, name


def test_the_readmes_table_names_every_bundled_target():
    named = {name for _, ours, _ in feature_rows() for name in re.findall(r"`([^`]+)`", ours)}
    assert set(builtin.TARGETS) - named == {"onehot"}
