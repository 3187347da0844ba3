"""What `check` prints."""

from smoothkit.explain import explain
from smoothkit.scenario_file import load_scenario

SUPERVISED = 'scenario = "supervised"\n'


def test_what_check_prints_is_the_configuration_with_an_origin_for_each_value(bundled, write, tmp_path):
    text = (
        SUPERVISED
        + "[train]\nlr = 0.5\naugment = ['flip', {name = 'crop', padding = 2}]\n[variants.'a b']\ntarget = 'ls'\n"
    )
    (variant,) = load_scenario(write(text), bundled, ["train.epochs=3"]).variants
    printed = explain(variant)
    assert printed.startswith("# variant: a b\n")
    # As a file of its own it is the same configuration.
    (again,) = load_scenario(write(printed, "again.toml"), bundled).variants
    assert again.config == variant.config
    lines = {line.partition(" = ")[0]: line.rpartition(" # ")[2] for line in printed.splitlines() if " = " in line}
    assert all(" # " in line for line in printed.splitlines() if " = " in line)
    assert lines["lr"] == f"{tmp_path / 'tiny.toml'}:3"
    assert lines["augment"] == f"{tmp_path / 'tiny.toml'}:4"
    assert lines["epochs"] == "command line"
    assert lines["batch_size"] == "default"
