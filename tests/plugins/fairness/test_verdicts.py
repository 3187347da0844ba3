"""What a study says of two groups: planted differences are found, absent ones are not, and open verdicts say why."""

import math
import re

import numpy as np
import pytest

from smoothkit.scenario import Result
from smoothkit.statistics import LEVEL, holm
from smoothkit_fairness.intervals import fixed
from smoothkit_fairness.names import of_group, of_pair
from smoothkit_fairness.readings import Pair, readings
from smoothkit_fairness.verdicts import judge_pairs

from .studies import Rows, config, findings, two_groups


def generator(seed=0):
    return np.random.default_rng(seed)


def judge(results):
    return judge_pairs(readings(findings({"hard labels": config()}, {"hard labels": results}))["hard labels"])


@pytest.mark.parametrize(("gaps", "verdict"), [((0.0, 0.1), "higher"), ((0.1, 0.0), "lower")])
def test_a_large_difference_is_found_with_its_sign(gaps, verdict):
    (found,) = judge(two_groups(generator(), gaps))
    assert found.pair == Pair("Male", "Female")
    assert found.verdict == verdict
    assert found.difference.interval.low < gaps[1] - gaps[0] < found.difference.interval.high
    assert not found.reason


def test_what_is_detectable_shrinks_with_the_groups_and_the_reason_names_them():
    (small,) = judge(two_groups(generator(1), (0.0, 0.0), sizes=(3000, 150)))
    (large,) = judge(two_groups(generator(1), (0.0, 0.0), sizes=(3000, 1500)))
    assert small.verdict == "open"
    assert "n = 150 and 3000, 5 seeds" in small.reason
    assert f"differences from {small.detectable:.3f} on would show" in small.reason
    assert large.detectable < small.detectable / 1.8


def test_what_is_detectable_is_what_the_facts_say():
    # Table 5.5 has 0.106 for a variance of 0.195 per row, 1500 and 150 rows of one model; here it is 0.75 * 0.25 and a
    # little for the confidence.
    (found,) = judge(two_groups(generator(), (0.0, 0.0), sizes=(1500, 150), seeds=1))
    assert found.detectable == pytest.approx(0.106, rel=0.12)


def test_a_difference_below_what_is_detectable_stays_open():
    for seed in range(60):
        (found,) = judge(two_groups(generator(seed), (0.0, 0.08), sizes=(1000, 150), seeds=2))
        if found.p_holm <= LEVEL and abs(found.difference.estimate) < found.detectable:
            break
    else:
        pytest.fail("no study was found in between")
    assert found.verdict == "open"
    assert found.reason.startswith("p (Holm) 0.0")
    assert found.reason.endswith("n = 150 and 1000, 2 seeds")
    (size,) = re.findall(r"four of five cases \((\S+)\)", found.reason)
    # As many decimals as show which is larger.
    assert float(size) > float(fixed(abs(found.difference.estimate), len(size) - 2))


def test_seeds_are_blamed_where_they_are_what_is_uncertain():
    rows = Rows({"Male": 900, "Female": 900}, generator())
    gaps = (0.0, 0.3)
    (found,) = judge({seed: rows.measure(seed, {"Male": 0.0, "Female": gap}) for seed, gap in enumerate(gaps)})
    assert found.reason.startswith("cannot be told with so few seeds: n = 900 and 900, 2 seeds; ")
    (found,) = judge({seed: rows.measure(seed, {"Male": 0.0, "Female": 0.0}) for seed in range(5)})
    assert found.reason.startswith("cannot be told at this group size: ")


def test_p_values_are_corrected_for_the_pairs_of_a_variant():
    gaps = {"a": 0.0, "b": 0.03, "c": 0.06, "d": -0.02}
    rows = Rows(dict.fromkeys(gaps, 800), generator())
    found = judge({seed: rows.measure(seed, gaps) for seed in range(3)})
    assert [each.pair for each in found] == [Pair(*two) for two in ("ab", "ac", "ad", "bc", "bd", "cd")]
    assert [each.p_holm for each in found] == holm([each.difference.p_value for each in found])
    for each in found:
        assert each.detectable == each.difference.detectable(LEVEL / 6)


def test_pairs_have_the_order_in_which_the_results_compare_them():
    scalars = {of_group("gap", "a"): 0.1, of_group("gap", "b"): 0.2, of_pair("gap_difference", "b", "a"): -0.1}
    (found,) = judge({seed: Result(scalars=scalars) for seed in range(2)})
    assert found.pair == Pair("b", "a")


def test_without_rows_seeds_alone_are_compared():
    rows = Rows({"Male": 900, "Female": 400}, generator())
    results = {seed: rows.measure(seed, {"Male": 0.0, "Female": 0.1}, stored=False) for seed in range(4)}
    (found,) = judge(results)
    values = [result.scalars["gap_difference/Female vs Male"] for result in results.values()]
    assert found.difference.method == "t over seeds"
    assert found.difference.freedom == 3
    assert found.difference.error == pytest.approx(np.std(values, ddof=1) / 2)


def test_one_seed_is_compared_over_rows_and_one_number_not_at_all():
    rows = Rows({"Male": 900, "Female": 400}, generator())
    (found,) = judge({0: rows.measure(0, {"Male": 0.0, "Female": 0.2})})
    assert (found.verdict, found.difference.method) == ("higher", "t over rows")
    (found,) = judge({0: rows.measure(0, {"Male": 0.0, "Female": 0.2}, stored=False)})
    assert found.verdict == "open"
    assert "more seeds or rows" in found.reason
    assert math.isnan(found.p_holm)


def test_a_group_without_rows_is_named():
    rows = Rows({"Male": 900, "Female": 0}, generator())
    (found,) = judge({seed: rows.measure(seed, {"Male": 0.0, "Female": 0.2}) for seed in range(3)})
    assert found.verdict == "open"
    assert found.reason == "cannot be told: no test rows of Female"


def test_seeds_that_agree_to_the_last_digit_show_nothing():
    scalars = {"rows/a": 9.0, "rows/b": 9.0, "gap/a": 0.1, "gap/b": 0.2, "gap_difference/b vs a": 0.1}
    (found,) = judge({seed: Result(scalars=scalars) for seed in range(5)})
    assert found.verdict == "open"


def found_rates(trials, sizes, seeds, accuracy):
    """The shares of studies of one law whose corrected p-value is at most 5 %, and whose verdict is not open."""
    noise = generator(seeds + sizes[1])
    found = [judge(two_groups(noise, (0.03, 0.03), sizes, seeds, accuracy))[0] for _ in range(trials)]
    return np.mean([each.p_holm <= LEVEL for each in found]), np.mean([each.verdict != "open" for each in found])


def test_groups_of_one_law_are_told_apart_as_seldom_as_promised():
    by_test, by_verdict = found_rates(300, (1000, 150), 5, 0.75)
    assert by_test <= 0.07
    assert by_verdict <= 0.02


def test_groups_whose_predictions_are_nearly_all_right_are_not_told_apart_by_that():
    # A third of groups of 20 have no wrong prediction; by their own rows they would vary by next to nothing.
    by_test, by_verdict = found_rates(300, (1000, 20), 5, 0.95)
    assert by_test <= 0.07
    assert by_verdict <= 0.02


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "seeds", "accuracy"),
    [
        ((1000, 150), 5, 0.75),
        ((1000, 150), 1, 0.75),
        ((600, 300), 2, 0.75),
        ((1000, 20), 5, 0.75),
        ((1000, 60), 5, 0.97),
    ],
)
def test_the_corrected_test_has_its_level(sizes, seeds, accuracy):
    by_test, by_verdict = found_rates(3000, sizes, seeds, accuracy)
    assert by_test <= 0.06
    assert by_verdict <= 0.01
