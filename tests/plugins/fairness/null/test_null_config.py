"""What a file of the experiment may say."""

import pytest
from pydantic import ValidationError

from smoothkit.config import dump
from smoothkit_fairness.null.config import NullConfig


def test_what_has_no_use_is_refused():
    with pytest.raises(ValidationError, match=r"target\n.*has no use here, where nothing is trained"):
        NullConfig(scenario="fairness-null", target="ls")
    with pytest.raises(ValidationError, match=r"use\n.*there is no target to wrap"):
        NullConfig(scenario="fairness-null", use=("wrapper.py",))


@pytest.mark.parametrize("wrong", [{"trials": 1}, {"resamples": 10}, {"method": "ECE"}])
def test_what_cannot_be_tried_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        NullConfig(scenario="fairness-null", experiment=wrong)


def test_a_stored_configuration_can_be_read_again():
    config = NullConfig(scenario="fairness-null", experiment={"method": "netcal", "trials": 30})
    assert NullConfig(**dump(config)) == config
