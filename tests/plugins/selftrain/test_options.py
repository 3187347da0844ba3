"""Options that do not fit together, or that would do nothing, are refused with the mend."""

import pytest

from smoothkit.config import dump
from smoothkit.errors import ConfigError, UserError
from smoothkit.scenario_file import load_scenario
from smoothkit_selftrain.config import SelfTrainConfig


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("select={rule='fixed'}",), "select.rule: is 'fixed', which needs select.threshold"),
        (("select={rule='per-class'}",), "select.rule: is 'per-class', which needs select.threshold"),
        (("select={rule='share'}",), "select.rule: is 'share', which needs select.share"),
        (("select={rule='k-best'}", "pseudo.relabel=round"), "select.rule: is 'k-best', which needs select.k_best"),
        (("select={rule='all', threshold=0.5}",), "select.threshold: does nothing with select.rule = 'all'"),
        (("select={rule='fixed', threshold=0.5, share=0.5}",), "select.share: does nothing with select.rule = 'fixed'"),
        (("select={rule='fixed', threshold=0.5, k_best=5}",), "select.k_best: does nothing with select.rule = 'fixed'"),
        (("select={rule='k-best', k_best=5}",), "select.rule: 'k-best' counts samples of the whole set"),
        (("pseudo.temperature=0.5",), "pseudo.temperature: is 0.5, which changes no hard label"),
        (("pseudo.teacher=average",), "pseudo.teacher: is 'average', and train.average is 0"),
        (("evaluate.model=average",), "evaluate.model: is 'average', and train.average is 0"),
        (("views.weak=['noise']", "views.labelled=strong", "pseudo.relabel=round"), "views.weak: is seen by nobody"),
        (
            ("select={rule='all'}", "train.mean_over=selected"),
            "train.mean_over: is 'selected', and select.rule = 'all'",
        ),
        (("evaluate.round=held-out",), "evaluate.round: is 'held-out', and data.held_out is 0"),
        (("evaluate.anchors=['supervised','supervised']",), "evaluate.anchors: names 'supervised' more than once"),
        (("evaluate.round=test",), "would choose the model by the samples that it is then judged by"),
        (("pseudo.target=measured-ls",), "pseudo.target: 'measured-ls' measures errors on held-out"),
        (("pseudo.teacher=frozen", "train.supervised_steps=0"), "pseudo.teacher: is 'frozen' after round 0, and"),
        (
            ("pseudo.teacher=previous", "pseudo.relabel=round"),
            "pseudo.teacher: 'previous' is 'self' with",
        ),
        (
            ("pseudo.teacher=previous", "pseudo.relabel=never"),
            "pseudo.teacher: 'previous' is 'self' with",
        ),
    ],
)
def test_options_without_effect_or_meaning_are_refused(overrides, message, configure):
    with pytest.raises(UserError, match=message):
        configure(*overrides)


def test_a_refusal_names_the_line_and_the_key(bundled, write):
    path = write('scenario = "selftrain"\n[train]\nlr = 0.1\n[select]\nrule = "all"\nthreshold = 0.5\n')
    with pytest.raises(ConfigError) as caught:
        load_scenario(path, bundled)
    assert str(caught.value).startswith(f"{path}:6: select.threshold: does nothing with select.rule = 'all'")


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("select={rule='share', share={shape='linear', start=0.2, end=1.0}}",),
        ("select={rule='k-best', k_best=5}", "pseudo.relabel=never"),
        ("pseudo.labels=soft", "pseudo.temperature=0.5", "pseudo.alignment=[1.0, 2.0]"),
        ("data.held_out=100", "pseudo.target=measured-ls", "evaluate.round=held-out"),
    ],
)
def test_what_is_sound_passes_and_so_does_the_file_that_a_study_keeps_of_it(overrides, configure):
    config = configure(*overrides)
    assert SelfTrainConfig.model_validate(dump(config)) == config
