"""Fixtures of the tests of several seeds in one model."""

import pytest

from smoothkit import plugins
from smoothkit.distributed import Group
from smoothkit.execution import execute
from smoothkit.stopping import StopRequest
from smoothkit.units import units
from tests.core.together import Following, ends, finished, tasks_in


@pytest.fixture
def following(monkeypatch):
    following = Following()
    monkeypatch.setattr(plugins, "host", lambda: following)
    return following


@pytest.fixture
def carry_out(following, tmp_path):
    """Carries out, or goes on with, runs of some seeds in a folder; the outcomes by seed."""

    def carry_out(folder="together", seeds=(0, 1, 2), stop=None, run=None, **options):
        outcomes = {}
        for unit in units(tasks_in(tmp_path / folder, seeds, run, **options)):
            ended = execute(unit, Group(), following, stop or StopRequest())
            outcomes |= {task.seed: outcome for task, outcome in zip(unit, ended, strict=True)}
        return outcomes

    return carry_out


@pytest.fixture
def alone(carry_out, tmp_path):
    """What each of the seeds leaves that is carried out alone."""
    assert finished(carry_out("alone", run={"together": 1}))
    return ends(tmp_path / "alone")
