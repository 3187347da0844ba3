"""Smoothing keeps outputs from saturating; hidden units it keeps so only early, and it does not help through depth."""

from functools import cache

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from smoothkit.targets import LabelSmoothing, OneHot
from smoothkit_principles.claims import saturation
from smoothkit_principles.claims.saturation import (
    CLAIM,
    HIDDEN,
    UNITS,
    Depth,
    compared,
    deep_network,
    depths,
    look_inside,
    out_of_centre,
)
from smoothkit_principles.config import NetworksConfig
from smoothkit_principles.lab import Lab
from smoothkit_principles.networks import outputs
from tests.plugins.principles.judged import judged

BRIEF = NetworksConfig(epochs=8)
STURDY = {"output": "true", "hidden-early": "true", "gradient-early": "true", "gradient-late": "true", "depth": "false"}
"""Verdicts that do not need all epochs. In the first layers smoothing makes more units saturate, but later only."""


@cache
def trained_depths(unit: str, seed: int) -> dict[tuple[str, str], Depth]:
    return depths(unit, Lab(BRIEF, seed))


@pytest.fixture(autouse=True)
def already_trained(request, monkeypatch):
    if "slow" not in request.keywords:
        monkeypatch.setattr(saturation, "depths", lambda unit, lab: trained_depths(unit, lab.seed))


def test_verdicts():
    # Three seeds leave a case or two open; the slow test has the verdicts of all eight.
    found = judged(CLAIM, 3, BRIEF)
    for key, verdict in STURDY.items():
        opposite = "true" if verdict == "false" else "false"
        assert found[key].startswith(verdict), key
        assert opposite not in found[key], key
    assert "tanh layer 3" in found["hidden-late"]


@pytest.mark.slow
def test_verdicts_at_the_default_settings():
    assert judged(CLAIM, 8) == STURDY | {"hidden-late": "true for tanh layer 3"}


def test_networks_under_wrong_names_are_noticed(monkeypatch):
    other = {"smoothed": "one-hot", "one-hot": "smoothed"}

    def exchanged(unit, lab):
        found = trained_depths(unit, lab.seed)
        return {(name, state): found[other[name], state] for name, state in found}

    monkeypatch.setattr(saturation, "depths", exchanged)
    found = judged(CLAIM, 3, BRIEF)
    for key, verdict in STURDY.items():
        assert verdict not in found[key], key
    assert found["hidden-late"].startswith("false")
    assert "true" not in found["hidden-late"]


def test_both_units_start_as_the_same_function():
    lab = Lab(BRIEF, 1)
    made = [outputs(deep_network(unit, lab), lab.data, lab.data.test)[0] for unit in UNITS]
    assert_close(made[0], made[1], rtol=1e-4, atol=1e-5)
    assert made[0].std() > 0.1
    activations = [
        [type(module) for module in deep_network(unit, lab) if isinstance(module, tuple(UNITS.values()))]
        for unit in UNITS
    ]
    assert activations == [[nn.Sigmoid] * len(HIDDEN), [nn.Tanh] * len(HIDDEN)]


def test_the_seed_decides_the_start():
    first, again, other = (next(deep_network("tanh", Lab(BRIEF, seed)).parameters()) for seed in (0, 0, 1))
    assert_close(first, again)
    assert not torch.equal(first, other)


def test_the_gradient_behind_the_last_layer_is_that_of_the_logits_through_it():
    lab = Lab(BRIEF, 0)
    model, target = deep_network("tanh", lab), LabelSmoothing(10, 0.1)
    logits, labels = outputs(model, lab.data, lab.data.train)
    through = (logits.softmax(dim=1) - target.distribution(labels)) @ list(model.parameters())[-2].detach()
    assert look_inside(model, target, lab.data).gradient[-1] == pytest.approx(
        through.norm(dim=1).mean().item(), rel=1e-4
    )


@pytest.mark.parametrize(("scale", "shares"), [(1e-3, (0.0, 0.0)), (1e5, (1.0, 1.0))])
@pytest.mark.parametrize("unit", ["sigmoid", "tanh"])
def test_small_weights_saturate_nothing_and_large_ones_everything(unit, scale, shares):
    lab = Lab(BRIEF, 0)
    model = deep_network(unit, lab)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
    found = look_inside(model, OneHot(10), lab.data)
    assert found.saturated == pytest.approx([shares[0]] * len(HIDDEN), abs=0.01)
    assert found.output == pytest.approx(shares[1], abs=0.01)


def test_how_far_out_a_unit_is():
    assert out_of_centre(nn.Sigmoid(), torch.tensor([0.0, 0.025, 0.5, 0.975, 1.0])).tolist() == pytest.approx(
        [1.0, 0.95, 0.0, 0.95, 1.0]
    )
    assert out_of_centre(nn.Tanh(), torch.tensor([-1.0, -0.95, 0.0, 0.5])).tolist() == pytest.approx([1, 0.95, 0, 0.5])


def test_the_numbers_of_two_networks():
    plain = Depth(saturated=[0.1, 0.2, 0.3], gradient=[1.0, 2.0, 4.0], output=0.9)
    smooth = Depth(saturated=[0.2, 0.2, 0.1], gradient=[3.0, 1.0, 6.0], output=0.2)
    found = compared({"early": plain, "late": smooth}, {"early": plain, "late": plain}, "tanh")
    assert plain.passed() == 0.25
    assert found == pytest.approx(
        {
            "output/tanh": -0.7,
            "gradient-early/tanh": 1.0,
            "gradient-late/tanh": 3.0,
            "depth/tanh early": 1.0,
            "depth/tanh late": 2.0,
            **{f"hidden-early/tanh layer {layer}": 0.0 for layer in (1, 2, 3)},
            "hidden-late/tanh layer 1": 0.1,
            "hidden-late/tanh layer 2": 0.0,
            "hidden-late/tanh layer 3": -0.2,
        }
    )


def test_a_short_training_is_never_longer_than_the_whole():
    found = depths("tanh", Lab(NetworksConfig(epochs=1), 0))
    assert found["one-hot", "early"] == found["one-hot", "late"]
    assert found["one-hot", "early"] != found["smoothed", "early"]
