"""Which runs are carried out together."""

from collections.abc import Hashable, Iterable, Sequence

from smoothkit.checkpoint import saved_step
from smoothkit.execution import Task, Unit
from smoothkit.scenario import Scenario, ScenarioConfig


def units(tasks: Sequence[Task]) -> list[Unit]:
    """The tasks that have no result yet, in groups that are carried out together, in the order of the first of each.

    Where the scenario can train several runs as one model, up to `[run] together` of them make a unit, all units of a
    group about equal in size and always of the same runs; those that stand at different steps are parted.
    """
    groups: dict[tuple[Hashable, int], list[Task]] = {}
    keys = {task.variant: task.scenario.group(task.variant, task.config) for task in tasks}
    for position, task in enumerate(tasks):
        key = keys[task.variant]
        groups.setdefault((key, -1 if key is not None else position), []).append(task)
    found: dict[tuple[Hashable, int, int, int], list[Task]] = {}
    for group, own in groups.items():
        number = _number(len(own), own[0].config)
        for position, task in enumerate(own):
            if not task.is_done:
                step = saved_step(task.directory) if number < len(own) else 0
                found.setdefault((*group, position * number // len(own), step), []).append(task)
    order = {task.label: position for position, task in enumerate(tasks)}
    return sorted(map(tuple, found.values()), key=lambda unit: order[unit[0].label])


def number_of_units(scenario: Scenario, runs: Iterable[tuple[str, ScenarioConfig, int]]) -> int:
    """In how many units variants, each with its configuration and its number of seeds, are carried out."""
    alone, groups = 0, dict[Hashable, tuple[ScenarioConfig, int]]()
    for variant, config, seeds in runs:
        key = scenario.group(variant, config)
        if key is None:
            alone += seeds
        else:
            groups[key] = (config, groups.get(key, (config, 0))[1] + seeds)
    return alone + sum(_number(seeds, config) for config, seeds in groups.values())


def _number(runs: int, config: ScenarioConfig) -> int:
    return -(-runs // config.run.together)
