"""Figures over all variants: learning is that of the sampled policy, or says that it is not."""

from dataclasses import replace

from smoothkit.report.figures import CurvesFigure
from smoothkit_policy.conclude import conclude
from smoothkit_policy.figures.learning import EPISODES

from .studies import ENTROPY, NONE, findings


def renamed(variants, name):
    """The same, where the curve of the sampled policy has another name."""

    def changed(curve):
        x, y = ({name: own["sampled"]} for own in (curve.x, curve.y))
        return replace(curve, x=x, y=y)

    return {
        variant: (
            own,
            {
                seed: replace(result, figures={"learning": changed(result.figures["learning"])})
                for seed, result in results.items()
            },
        )
        for variant, (own, results) in variants.items()
    }


def learning_of(variants):
    figure = conclude(findings(variants)).figures["learning"]
    assert isinstance(figure, CurvesFigure)
    return figure


def test_learning_without_measurements_is_that_of_the_episodes_of_training():
    both = {**NONE, **ENTROPY}
    measured, own = learning_of(both), learning_of(renamed(both, EPISODES))
    assert (measured.y_label, own.y_label) == ("sampled return", "return of episodes during training")
    assert own == replace(measured, y_label=own.y_label)
    # Returns that were measured and returns that were not are never drawn on one axis.
    mixed = learning_of({**renamed(NONE, EPISODES), **ENTROPY})
    assert mixed.y_label == "sampled return"
    assert set(mixed.y) == {"entropy 0.5"}
