"""Which seeds are trained together, and how many processes that keeps busy."""

from dataclasses import replace

import pytest

from smoothkit.distributed import Group
from smoothkit.execution import execute
from smoothkit.scenario import RunSettings
from smoothkit.scenario_file import ScenarioFile, Variant
from smoothkit.stopping import StopRequest
from smoothkit.study import choose_jobs
from smoothkit.units import units
from tests.core.stacked import SCENARIO, StackedConfig
from tests.core.test_members import same
from tests.core.together import RUN, ends, tasks_in


@pytest.mark.parametrize(
    ("seeds", "together", "sizes"),
    [(1, 8, [1]), (8, 8, [8]), (9, 8, [5, 4]), (10, 4, [4, 3, 3]), (5, 1, [1] * 5), (20, 8, [7, 7, 6])],
)
def test_units_are_about_equal_and_hold_every_seed_once(seeds, together, sizes, tmp_path):
    found = units(tasks_in(tmp_path, range(seeds), {"together": together}))
    assert [len(unit) for unit in found] == sizes
    assert [task.seed for unit in found for task in unit] == list(range(seeds))


def test_what_cannot_be_trained_together_is_not(tmp_path):
    tasks = [replace(task, scenario=replace(SCENARIO, together=False)) for task in tasks_in(tmp_path, range(4))]
    assert [len(unit) for unit in units(tasks)] == [1] * 4


def test_units_keep_their_seeds_and_come_in_the_order_of_the_first(tmp_path):
    """Done or not, a seed has the same companions; variants take turns."""
    own = {name: tasks_in(tmp_path / name, range(4), {"together": 2}, name) for name in ("a", "b")}
    tasks = [own[name][seed] for seed in range(4) for name in ("a", "b")]
    labels = [[(task.variant, task.seed) for task in unit] for unit in units(tasks)]
    expected = [[("a", 0), ("a", 1)], [("b", 0), ("b", 1)], [("a", 2), ("a", 3)], [("b", 2), ("b", 3)]]
    assert labels == expected
    (tmp_path / "a" / "seed-1").mkdir(parents=True)
    (tmp_path / "a" / "seed-1" / "result.json").write_text("{}")
    labels = [[(task.variant, task.seed) for task in unit] for unit in units(tasks)]
    assert labels == [[("a", 0)], *expected[1:]]


def same_but_for_one(config):
    """A key of configurations: variants that differ in nothing but `bad_seed` share it."""
    return str(config.model_copy(update={"bad_seed": 0}))


def grouped(tasks):
    return [replace(task, scenario=replace(SCENARIO, together=f"{__name__}:same_but_for_one")) for task in tasks]


def test_variants_with_equal_keys_share_units(tmp_path):
    """Seed by seed, in the order of the tasks; a variant with another key keeps to itself."""
    options = {"a": {"bad_seed": 7}, "b": {"bad_seed": 8}, "c": {"bad_seed": 7, "steps": 7}}
    own = {
        name: grouped(tasks_in(tmp_path / name, range(4), {"together": 4}, name, **option))
        for name, option in options.items()
    }
    tasks = [own[name][seed] for seed in range(4) for name in own]
    labels = [[(task.variant, task.seed) for task in unit] for unit in units(tasks)]
    assert labels == [
        [("a", 0), ("b", 0), ("a", 1), ("b", 1)],
        [("c", seed) for seed in range(4)],
        [("a", 2), ("b", 2), ("a", 3), ("b", 3)],
    ]
    (tmp_path / "b" / "seed-0").mkdir(parents=True)
    (tmp_path / "b" / "seed-0" / "result.json").write_text("{}")
    assert [(task.variant, task.seed) for task in units(tasks)[0]] == [("a", 0), ("a", 1), ("b", 1)]


def test_a_trainer_of_several_variants_is_given_each_configuration(following, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(
        "tests.core.stacked.train", lambda config, runs: given.extend(runs.configs) or [None] * len(runs)
    )
    options = {"a": {"bad_seed": 7}, "b": {"bad_seed": 8}}
    tasks = [grouped(tasks_in(tmp_path / name, (0,), None, name, **option))[0] for name, option in options.items()]
    execute(units(tasks)[0], Group(), following, StopRequest())
    assert [config.bad_seed for config in given] == [7, 8]


def test_what_stands_at_different_steps_is_parted(carry_out, tmp_path):
    carry_out(seeds=(1,), fail_at=15)
    carry_out(seeds=(2,), fail_at=25)
    carry_out(seeds=(3,), fail_at=15)
    (tmp_path / "together" / "seed-4" / "checkpoint").mkdir(parents=True)
    (tmp_path / "together" / "seed-4" / "checkpoint" / "state.pt").write_bytes(b"damaged")
    parted = units(tasks_in(tmp_path / "together", range(6), {"together": 6}))
    assert [[task.seed for task in unit] for unit in parted] == [[0, 5], [1, 3], [2], [4]]
    outcomes = carry_out(seeds=range(6), run={"together": 6})
    assert [seed for seed, outcome in outcomes.items() if outcome.status != "finished"] == [4]
    assert "delete the folder" in outcomes[4].error
    carry_out("alone", seeds=(0, 1, 2, 3, 5), run={"together": 1})
    assert same(ends(tmp_path / "together", (0, 1, 2, 3, 5)), ends(tmp_path / "alone", (0, 1, 2, 3, 5)))


def test_no_more_jobs_than_units(bundled, tmp_path):
    def file(seeds, together):
        run = RunSettings(**{**RUN, "seeds": seeds, "together": together})
        variants = tuple(
            Variant(name=name, slug=name, config=StackedConfig(scenario="stacked", run=run), origins={})
            for name in ("a", "b")
        )
        return ScenarioFile(SCENARIO, "title", "a", variants)

    assert choose_jobs(file(8, 4), 16) == 4
    assert choose_jobs(file(8, 1), 16) == 16
    assert choose_jobs(file(8, 4), 3) == 3
