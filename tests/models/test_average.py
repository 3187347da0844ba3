"""The exponential average of a network's weights."""

import torch
from torch import nn
from torch.testing import assert_close

from smoothkit.models.average import Average
from smoothkit.models.together import Together


def test_the_average_is_the_exponential_one_after_a_quick_start():
    layer = nn.Linear(2, 2)
    average, expected = Average(layer, 0.5), layer.weight.detach().clone()
    for step in range(1, 40):
        with torch.no_grad():
            layer.weight.normal_()
        average.update(layer, step)
        decay = min(0.5, step / (9 + step))
        expected = decay * expected + (1 - decay) * layer.weight.detach()
    assert_close(average.module.weight, expected)
    assert not any(weight.requires_grad for weight in average.parameters())


def test_the_average_takes_buffers_as_they_are_and_moves_none_of_its_own():
    layer = nn.BatchNorm1d(3)
    average = Average(layer, 0.999)
    layer(torch.randn(5, 3))
    average.update(layer, 1)
    before = layer.running_mean.clone()
    average.module(torch.randn(5, 3))
    assert torch.equal(average.module.running_mean, before)


def test_an_average_begins_anew_at_step_0():
    layer = nn.Linear(3, 2)
    average = Average(layer, 0.999)
    with torch.no_grad():
        layer.weight.normal_()
    average.update(layer, 0)
    assert torch.equal(average.module.weight, layer.weight)
    with torch.no_grad():
        layer.weight.zero_()
    assert average.module.weight.any(), "a copy"


def test_an_average_of_several_networks_is_that_of_each():
    models = [nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)) for _ in range(2)]
    together = Together(models)
    whole, alone = Average(together, 0.9), [Average(model, 0.9) for model in models]
    for step in range(1, 5):
        for model in models:
            with torch.no_grad():
                model[0].weight.normal_()
        together.restart(models)
        whole.update(together, step)
        for average, model in zip(alone, models, strict=True):
            average.update(model, step)
    x = torch.randn(2, 5, 3)
    for index, average in enumerate(alone):
        assert_close(whole.module(x)[index], average.module(x[index]))
        assert_close(whole.module.member(index)(x[index]), average.module(x[index]))
