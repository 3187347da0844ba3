"""Lists of what there is."""

import json
import textwrap

from smoothkit.registry import KINDS


def test_every_registered_name_is_listed_with_who_registered_it(smoothkit):
    from smoothkit.plugins import host

    listed = json.loads(smoothkit("list", "--json").stdout)
    assert list(listed) == list(KINDS)
    for kind in KINDS:
        assert list(listed[kind]) == list(host().registry.names(kind))
    assert listed["targets"]["ls++"].startswith("core (smoothkit ")
    assert listed["scenarios"]["quadratic"].startswith("quadratic (")


def test_one_kind_may_be_listed(smoothkit):
    lines = smoothkit("list", "targets").stdout.splitlines()
    assert lines[0].strip() == "targets"
    assert lines[1].split() == ["name", "from"]
    assert [line.split()[0] for line in lines[2:]] == sorted(
        json.loads(smoothkit("list", "targets", "--json").stdout)["targets"]
    )


def test_plugins_are_listed_with_state_origin_and_what_they_provide(smoothkit, write):
    broken = write("1 / 0", "broken.py")
    found = {plugin["name"]: plugin for plugin in json.loads(smoothkit("plugins", "--json", files=(broken,)).stdout)}
    assert {name: plugin["state"] for name, plugin in found.items()} == {
        "core": "active",
        "fairness": "active",
        "federated": "active",
        "gan": "active",
        "policy": "active",
        "principles": "active",
        "quadratic": "active",
        "selftrain": "active",
        "supervised": "active",
        "tensorboard": "blocked",
        "broken": "broken",
    }
    assert found["supervised"]["provides"] == {"scenarios": ["supervised"]}
    assert found["supervised"]["hooks"] == ["smoothkit_scenarios"]
    assert found["core"]["origin"].startswith("smoothkit ")
    table = smoothkit("plugins", files=(broken,)).stdout
    for part in ("blocked", "--no-plugin", "broken", "ZeroDivisionError", "scenarios: supervised"):
        assert part in table


def test_a_broken_plugin_shows_its_traceback(smoothkit, write):
    shown = smoothkit("plugins", "broken", files=(write("1 / 0", "broken.py"),)).stdout
    assert "Traceback (most recent call last)" in shown
    assert "ZeroDivisionError: division by zero" in shown


def test_what_plugins_say_is_no_markup(smoothkit, write):
    named = """
        from smoothkit import hookimpl
        smoothkit_api = 1

        @hookimpl
        def smoothkit_targets(register):
            register("acme[gpu]", "acme:Target")
    """
    broken = write("raise ValueError('[/b] oops, pip install acme[gpu] :x:')", "broken.py")
    files = broken, write(textwrap.dedent(named), "named.py")
    listed = smoothkit("plugins", files=files).stdout
    assert "targets: acme[gpu]" in listed
    assert "[/b] oops, pip install acme[gpu] :x:" in " ".join(listed.split())
    assert "acme[gpu]" in smoothkit("list", "targets", files=files).stdout


def test_two_plugins_of_one_name_are_both_shown(smoothkit, write):
    shown = json.loads(smoothkit("plugins", "supervised", "--json", files=(write("", "supervised.py"),)).stdout)
    assert [plugin["state"] for plugin in shown] == ["active", "broken"]


def test_a_target_is_shown_with_its_formula_options_and_matrix(smoothkit):
    shown = smoothkit("show", "target", "ls").stdout
    assert "alpha: " in shown
    assert "Source:" in shown or "arXiv" in shown
    rows = [[float(value) for value in line.split()] for line in shown.splitlines()[-5:]]
    # Label smoothing of 0.1 over all of five classes.
    assert rows == [[0.92 if i == j else 0.02 for j in range(5)] for i in range(5)]


def test_every_registered_target_can_be_shown(smoothkit):
    for name in json.loads(smoothkit("list", "targets", "--json").stdout)["targets"]:
        result = smoothkit("show", "target", name)
        assert result.exit_code == 0
        assert "Options" in result.stdout
        assert "num_classes:" not in result.stdout.partition("\nOptions\n")[2]


def test_every_registered_metric_can_be_shown(smoothkit):
    for name in json.loads(smoothkit("list", "metrics", "--json").stdout)["metrics"]:
        result = smoothkit("show", "metric", name)
        assert result.exit_code == 0
        assert len(result.stdout.splitlines()) > 2, name


def test_a_metric_is_shown_with_its_options_direction_and_interval(smoothkit):
    shown = smoothkit("show", "metric", "rmsce_debiased").stdout
    assert "binning: Literal['width', 'mass'], default 'mass'" in shown
    assert "Better: lower" in shown
    assert "Interval over test rows: yes" in shown
    assert "tree: " in smoothkit("show", "metric", "mistake_severity").stdout.partition("\nOptions\n")[2]
