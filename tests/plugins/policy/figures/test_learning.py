"""What the curves of a training are called: by the manner of acting where it was measured, else by what they are."""

import pytest

from smoothkit_policy.figures.learning import EPISODES, learning_figure

OWN = [(32, 0.125), (64, 0.375), (96, 0.5)]


def drawn(**recorded):
    tags = {tag.replace("__", "/"): points for tag, points in recorded.items()}
    return learning_figure(lambda tag: tags.get(tag, []))


@pytest.mark.parametrize("tag", ["charts__episodic_return", "rollout__ep_rew_mean"])
def test_where_nothing_was_measured_the_episodes_of_training_have_their_own_name(tag):
    figure = drawn(**{tag: OWN})
    assert figure is not None
    assert EPISODES == "episodes during training"
    assert figure.x == {EPISODES: (32.0, 64.0, 96.0)}
    assert figure.y == {EPISODES: (0.125, 0.375, 0.5)}


def test_greedy_measurements_alone_are_joined_by_the_episodes_of_training():
    figure = drawn(eval__return_greedy=[(64, 1.0), (128, 2.0)], charts__episodic_return=OWN)
    assert figure is not None
    assert set(figure.y) == {"greedy", EPISODES}
    assert figure.y["greedy"] == (1.0, 2.0)


def test_measurements_of_the_sampled_policy_need_no_stand_in():
    figure = drawn(eval__return_sampled=[(64, 1.0), (128, 2.0)], charts__episodic_return=OWN)
    assert figure is not None
    assert figure.y == {"sampled": (1.0, 2.0)}
