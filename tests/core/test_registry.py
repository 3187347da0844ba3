"""The registry: names, collisions, and who is to blame."""

import pytest

from smoothkit.errors import PluginError, UserError
from smoothkit.registry import KINDS, Entry, Registry


def entry(name="ls", path="json:loads", plugin="acme", origin="smoothkit-acme 1.2", kind="targets"):
    return Entry(kind, name, path, plugin, origin)


def test_a_name_that_is_taken_names_both_distributions():
    registry = Registry()
    registry.add(entry(plugin="core", origin="smoothkit 0.1.0"))
    with pytest.raises(PluginError) as caught:
        registry.add(entry())
    for part in ("target 'ls'", "'core' (smoothkit 0.1.0)", "'acme' (smoothkit-acme 1.2)", "--no-plugin"):
        assert part in str(caught.value)
    assert registry.get("targets", "ls").plugin == "core"


def test_one_name_may_stand_for_things_of_different_kinds():
    registry = Registry()
    for kind in KINDS:
        registry.add(entry(kind=kind))
    assert [registry.names(kind) for kind in KINDS] == [("ls",)] * len(KINDS)


@pytest.mark.parametrize("path", ["", "json", "json:", ":loads"])
def test_a_path_has_a_module_and_a_name(path):
    with pytest.raises(PluginError, match=r"target 'ls': registered as .*, expected 'module:Name'"):
        Registry().add(entry(path=path))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("targets", "no target is called 'lss'; did you mean 'ls'?"),
        ("datasets", "no data set is called 'lss'; there are none"),
    ],
)
def test_an_unknown_name_is_told_what_there_is(kind, message):
    registry = Registry()
    registry.add(entry())
    with pytest.raises(UserError) as caught:
        registry.get(kind, "lss")
    assert str(caught.value) == message


def test_an_unknown_name_is_told_which_plugins_are_missing():
    registry = Registry(absent=["plugin 'gan' (blocked: --no-plugin)"])
    with pytest.raises(UserError, match=r"there are none; not loaded: plugin 'gan' \(blocked: --no-plugin\)$"):
        registry.get("scenarios", "gan")


def test_names_are_sorted_whatever_the_order_of_registration():
    registry = Registry()
    for name in ("ols", "ls++", "onehot", "ls"):
        registry.add(entry(name=name))
    assert registry.names("targets") == ("ls", "ls++", "ols", "onehot")
    assert [each.name for each in registry.entries("targets")] == ["ls", "ls++", "ols", "onehot"]


def test_nothing_is_imported_before_it_is_loaded():
    registry = Registry()
    registry.add(entry(path="no_such_module:Thing"))
    assert registry.names("targets") == ("ls",)
    with pytest.raises(PluginError) as caught:
        registry.get("targets", "ls").load()
    for part in ("target 'ls'", "'no_such_module:Thing'", "'acme' (smoothkit-acme 1.2)", "ModuleNotFoundError"):
        assert part in str(caught.value)


def test_a_module_without_the_name_is_the_plugins_fault():
    with pytest.raises(PluginError, match="AttributeError"):
        entry(path="json:nothing").load()


def test_a_module_that_exits_does_not_take_the_program_with_it(tmp_path, monkeypatch):
    (tmp_path / "leaver.py").write_text("raise SystemExit(0)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match="SystemExit"):
        entry(path="leaver:Thing").load()


def test_a_failed_block_leaves_no_entry():
    registry = Registry()
    registry.add(entry(name="before"))

    def fail():
        with registry.undo_on_error():
            registry.add(entry(name="within"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert registry.names("targets") == ("before",)
