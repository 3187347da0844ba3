"""What a study of policies concludes: planted windows and peaks are found where they are, and nowhere else."""

import json
import math
import re

import pytest

from smoothkit.conclusion import Conclusion
from smoothkit.files import finite
from smoothkit.report.numbers import MISSING
from smoothkit_policy.conclude import conclude

from .studies import COEFFICIENTS, ENTROPY, NONE, WIDE, config, findings, rows, seeds, sentence, sweep, words

SAME = sweep("smoothed_target", (0.4, 0.5, 0.9, 0.91, 0.9, 0.6), (0, 0.2, 1, 1, 1, 1))


def table(found, title):
    (one,) = [each for each in (*found.tables, *found.details) if each.title.startswith(title)]
    return one


@pytest.fixture(scope="module")
def concluded():
    return conclude(findings({**NONE, **ENTROPY, **WIDE, **SAME}))


@pytest.fixture(scope="module")
def told():
    return words(findings({**NONE, **ENTROPY, **WIDE, **SAME}))


def test_the_verdict_is_a_wider_window_and_not_a_higher_peak(told):
    assert told[0] == (
        "Verdict: against “entropy”, kl_uniform and smoothed_target have a wider window, not a higher peak."
    )


def test_the_duel_says_so_in_numbers(told):
    found = sentence(told, "kl_uniform against")
    assert found.startswith(
        "SwitchingCorridor, kl_uniform against “entropy”: coefficients that work 3 of 6 (0.1 to 0.5, a factor of 5) "
        "against 1 of 6 (0.5), +2, all seeds agree; sampled return in % of the optimum "
    )
    assert re.search(
        r"; sampled return in % of the optimum 9[01]\.\d at 0\.[125] against 9[01]\.\d at 0\.5, .* over 10 seeds\.$",
        found,
    )


def test_rates_are_those_of_the_seeds_that_measure(told):
    assert sentence(told, "solved by").startswith(
        "SwitchingCorridor: solved by none 0 % [0, 28]; entropy at 0.5 100 % [72, 100]; "
    )


def test_effects_are_held_against_none(told):
    found = sentence(told, "the sampled return is")
    assert "higher with entropy (+5" in found
    assert found.endswith("against none; corrected for all 3 comparisons.")


def test_twins_agree_and_tuning_is_equal(told):
    assert "no difference shown at any" in sentence(told, "whose gradients agree")
    assert told[-1] == (
        "SwitchingCorridor: equal tuning, entropy, kl_uniform and smoothed_target had the same 6 coefficients, 0.01 to "
        "1; the best one is picked on seeds 0 to 9 and measured on seeds 10 to 19."
    )


def test_windows_are_tabled(concluded):
    found = rows(table(concluded, "Methods"))
    assert found["none"][:4] == [MISSING] * 4
    assert found["entropy"][:4] == ["0.5", "6", "1.0", "0.5"]
    assert found["kl_uniform"][:3] == ["0.1, 0.2, 0.5", "6", "5.0"]
    assert found["entropy"][4] == "100 [72, 100]"
    assert re.fullmatch(r"9[01]\.\d \[9[01]\.\d, 9[12]\.\d\]", found["entropy"][5])
    # Every seed is above every seed without a term, which bounds no chance.
    assert found["entropy"][7] == "1.00"


def test_returns_that_all_seeds_share_have_no_interval():
    same = sweep("entropy", (0.3, 0.9), coefficients=(0.1, 0.2), noise=0.0)
    found = conclude(findings({**NONE, **same}))
    assert rows(table(found, "Methods"))["entropy"][5:7] == ["90.0", "91.0"]
    assert rows(table(found, "Variants"))["entropy 0.1"][1] == "30.0"
    assert "[" in rows(table(found, "Methods"))["none"][5]


def test_every_coefficient_is_tabled(concluded):
    found = rows(table(concluded, "Coefficients"))
    assert list(found) == [f"{coef:g}" for coef in COEFFICIENTS]
    assert re.fullmatch(r"20/20  91\.\d \*", found["0.5"][0])
    assert re.fullmatch(r"20/20  60\.\d|20/20  59\.\d", found["1"][0])
    assert re.fullmatch(r"2/20  [56]\d\.\d", found["0.2"][0])


def test_every_variant_is_among_the_details(concluded):
    found = rows(table(concluded, "Variants"))
    assert len(found) == 1 + 3 * len(COEFFICIENTS)
    assert found["none"][-1] == "> 20,480"
    # The tenth of twenty seeds, each a thousand steps later than the one before.
    assert found["entropy 0.5"][-1].startswith("10,000 [")


def test_figures_have_bands(concluded):
    assert set(concluded.figures) == {"solved by coefficient", "return by coefficient", "learning"}
    learning = concluded.figures["learning"]
    assert set(learning.y) == {"none", "entropy 0.5", *(name for name in learning.y if name[:2] in ("kl", "sm"))}
    assert learning.y["entropy 0.5"][0] == 0.0
    assert learning.low["entropy 0.5"][1] < learning.y["entropy 0.5"][1] < learning.high["entropy 0.5"][1]
    solved = concluded.figures["solved by coefficient"]
    assert solved.x["entropy"] == pytest.approx([math.log10(coef) for coef in COEFFICIENTS])
    assert solved.y["entropy"] == (0.0, 0.0, 0.0, 0.1, 1.0, 1.0)


def test_it_can_be_stored(concluded):
    again = Conclusion.from_json(json.loads(json.dumps(finite(concluded.to_json()))))
    assert again.words == concluded.words
    assert again.tables == concluded.tables


def test_higher_peaks_and_narrower_windows_are_found():
    peaked = sweep("kl_uniform", (0.4, 0.5, 0.5, 0.99, 0.5, 0.5), (0, 0, 0, 1, 0, 0))
    broad = sweep("entropy", (0.4, 0.9, 0.9, 0.9, 0.9, 0.5))
    found = words(findings({**NONE, **broad, **peaked}))
    assert found[0] == "Verdict: against “entropy”, kl_uniform has a narrower window and a higher peak."


def test_the_same_twice_is_no_difference():
    twice = sweep("kl_uniform", (0.3, 0.3, 0.4, 0.6, 0.91, 0.6), (0, 0, 0, 0.1, 1, 1))
    found = words(findings({**NONE, **ENTROPY, **twice}))
    assert found[0] == (
        "Verdict: against “entropy”, kl_uniform has neither a wider window nor a higher peak, so far as these "
        "seeds show."
    )


def test_an_edge_that_some_seeds_decide_shows_no_wider_window():
    # Nineteen of twenty solve it at a second coefficient: it works here, and in many resamples it does not.
    edge = sweep("kl_uniform", (0.3, 0.3, 0.4, 0.9, 0.91, 0.6), (0, 0, 0, 0.95, 1, 1))
    found = words(findings({**NONE, **ENTROPY, **edge}))
    assert "+1 [0, +1] over resampled seeds" in sentence(found, "kl_uniform against")
    assert "wider window nor" in found[0]


def test_unequal_tuning_is_said():
    fewer = sweep("kl_uniform", (0.9, 0.9), coefficients=(0.1, 0.2))
    found = words(findings({**NONE, **ENTROPY, **fewer}))
    assert "tuning was NOT equal" in found[-1]
    assert "entropy 6 up to 1, kl_uniform 2 up to 0.2" in found[-1]
    assert not [each for each in found if each.startswith("Verdict")]
    assert "nothing is said of widths" in sentence(found, "kl_uniform against")


def test_the_best_is_picked_by_seeds_that_do_not_measure():
    # At 0.1 the first ten seeds are lucky and the others are not.
    lucky = seeds(0.95, 10) | {seed: own for seed, own in seeds(0.2, 20).items() if seed >= 10}
    variants = {"none": NONE["none"], "entropy 0.1": (config("entropy", 0.1), lucky)}
    variants["entropy 0.2"] = (config("entropy", 0.2), seeds(0.9))
    found = rows(table(conclude(findings(variants)), "Methods"))
    assert found["entropy"][3] == "0.1"
    assert found["entropy"][5].startswith("20.0")


def test_schedules_are_methods_of_their_own():
    decayed = sweep("entropy", (0.3, 0.3, 0.4, 0.6, 0.91, 0.95), name="decayed", exploration={"schedule": "linear"})
    kl = sweep("kl_uniform", (0.3, 0.3, 0.4, 0.6, 0.91, 0.95), name="kl decayed", exploration={"schedule": "linear"})
    found = words(findings({**NONE, **ENTROPY, **decayed, **kl}))
    assert sentence(found, r"^SwitchingCorridor, .* against “entropy \(linear\)”").startswith(
        "SwitchingCorridor, kl_uniform (linear) "
    )


def test_few_seeds_say_that_nothing_is_shown():
    variants = {"none": (config(), seeds(0.3, 2))}
    variants |= sweep("entropy", (0.3, 0.9), coefficients=(0.1, 0.2), count=2)
    variants |= sweep("kl_uniform", (0.3, 0.9), coefficients=(0.1, 0.2), count=2)
    found = words(findings(variants))
    assert "too few seeds to compare peaks" in sentence(found, "kl_uniform against")
    assert "picked and measured on the same" in found[-1]
    assert not [each for each in found if "the sampled return is" in each]


def test_a_single_seed_has_no_differences():
    variants = {"none": (config(), seeds(0.3, 1))}
    variants |= sweep("entropy", (0.3, 0.9), coefficients=(0.1, 0.2), count=1)
    variants |= sweep("kl_uniform", (0.3, 0.9), coefficients=(0.1, 0.2), count=1)
    assert "nothing is said of widths" in sentence(words(findings(variants)), "kl_uniform against")


def test_a_study_without_a_sweep_has_its_variants_and_no_window():
    variants = {
        "none": (config(), seeds(0.3, noise=0.01)),
        "entropy": (config("entropy", 0.1), seeds(0.9, noise=0.01, source=1)),
    }
    found = conclude(findings(variants))
    assert [each.title for each in found.tables] == ["Variants: SwitchingCorridor, 20 seeds"]
    assert found.details == ()
    assert [each for each in found.words if "higher with entropy" in each]


def test_one_variant_alone():
    found = conclude(findings({"PPO": (config("entropy", 0.1), seeds(0.9, 3))}, baseline=None))
    assert found.words == ()
    assert [each.title for each in found.tables] == ["Variants: SwitchingCorridor, 3 seeds"]


def test_without_tables_returns_are_told_as_they_are():
    plain = seeds(0.9, 10, 0.01)
    for result in plain.values():
        for name in ("optimum", "shortfall_greedy", "shortfall_sampled", "coverage"):
            del result.scalars[name]
    found = conclude(findings({"PPO": (config(environment="CartPole-v1"), plain)}, baseline=None))
    (one,) = found.tables
    assert "coverage %" not in one.columns
    assert rows(one)["PPO"][1].startswith("9.0 [")


def test_seeds_that_failed_are_left_out():
    variants = {**NONE, **ENTROPY, **WIDE}
    own, results = variants["kl_uniform 0.2"]
    variants["kl_uniform 0.2"] = (own, {seed: result for seed, result in results.items() if seed % 3})
    assert words(findings(variants))[0].endswith("has a wider window, not a higher peak.")


def test_windows_that_reach_an_end_are_said_to():
    found = words(findings({**NONE, **sweep("entropy", (0.9, 0.9, 0.3, 0.3, 0.3, 0.3))}))
    assert "entropy works at the smallest coefficient tried (0.01) too, so that" in sentence(found, "works at the")
    found = words(findings({**NONE, **sweep("entropy", (0.3, 0.3, 0.3, 0.3, 0.3, 0.9))}))
    assert sentence(found, "works at the").endswith("(1) too, so that its window may be wider than was measured.")


# --- several environments --------------------------------------------------------------------------------------------

CHAIN = "smoothkit/Chain-v0"


def several(corridor):
    """In the corridor there is an effect; in the chain nothing has any."""
    flat = (0.5,) * 6
    parts = {
        "corridor": corridor,
        "chain": {
            "none": (config(environment=CHAIN), seeds(0.5, noise=0.01, solved=0.0, source=11)),
            **sweep("entropy", flat, 0.0, environment=CHAIN),
            **sweep("kl_uniform", flat, 0.0, environment=CHAIN),
        },
    }
    variants = {f"{place}, {name}": own for place, each in parts.items() for name, own in each.items()}
    levels = {name: dict(zip(("environment", "exploration"), name.split(", "), strict=True)) for name in variants}
    return findings(variants, None, levels)


@pytest.fixture(scope="module")
def over_both():
    return conclude(several({**NONE, **ENTROPY, **WIDE}))


def test_several_environments_have_a_verdict_for_each_method(over_both):
    assert over_both.words[0] == (
        "Verdict: kl_uniform against “entropy” over 2 environments: window wider on corridor, narrower on none; peak "
        "higher on none, lower on none; elsewhere no difference shown."
    )


def test_over_environments_an_open_window_is_said_to_be():
    open_ = sweep("entropy", (0.3, 0.3, 0.4, 0.6, 0.91, 0.91))
    found = several({**NONE, **open_, **sweep("kl_uniform", (0.3, 0.3, 0.9, 0.91, 0.91, 0.9))})
    assert words(found)[0] == (
        "Verdict: kl_uniform against “entropy” over 2 environments: window wider on none, narrower on none, on "
        "corridor open at the end of the grid: nothing is said of widths; peak higher on none, lower on none; "
        "elsewhere no difference shown."
    )


def test_where_nothing_has_an_effect_it_is_said(over_both):
    assert "chain: the sampled return is not shown to differ with any method, against none; corrected for all 4 " in (
        " ".join(over_both.words)
    )
    assert "corridor: the sampled return is higher with entropy" in " ".join(over_both.words)


def test_alike_tuning_is_said_once(over_both):
    assert over_both.words[-1].startswith("corridor and chain: equal tuning, entropy and kl_uniform had the same 6 ")


def test_methods_are_tabled_over_environments(over_both):
    found = rows(over_both.tables[0])
    assert [table.title for table in over_both.tables] == ["Methods over 2 environments"]
    assert over_both.tables[0].columns == ("method", "corridor", "chain", "sampled, all", "beats")
    assert found["kl_uniform"][0].startswith("3/6  9")
    assert found["kl_uniform"][1].startswith("0/6  50.")
    assert found["none"][3] == MISSING
    # Always better on one of two environments, and by chance on the other.
    assert float(found["entropy"][3].split()[0]) == pytest.approx(0.75, abs=0.12)
    assert {table.title.split(":")[0] for table in over_both.details} == {"Coefficients", "Methods", "Variants"}
    assert set(over_both.figures) == {
        f"{place}: {name}"
        for place in ("corridor", "chain")
        for name in ("solved by coefficient", "return by coefficient", "learning")
    }


def test_variants_have_short_names_within_an_environment(over_both):
    found = rows(table(over_both, "Variants: chain"))
    assert "entropy 0.01" in found
