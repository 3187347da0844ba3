"""What is said of two windows: nothing where the narrower one may go on beyond the grid, no interval without spread."""

import pytest

from .studies import ENTROPY, NONE, WIDE, config, findings, seeds, sentence, sweep, words

OPEN = "open at the end of the grid: nothing is said of widths"


def test_an_interval_without_spread_is_not_printed_as_one():
    # Single seeds are short of what works at 0.2, and no mean over resampled seeds is.
    varied = sweep("kl_uniform", (0.3, 0.3, 0.4, 0.88, 0.91, 0.6), (0, 0, 0, 1, 1, 1))
    varied["kl_uniform 0.2"] = (config("kl_uniform", 0.2), seeds(0.88, noise=0.04))
    found = sentence(words(findings({**NONE, **ENTROPY, **varied})), "kl_uniform against")
    assert "against 1 of 6 (0.5), +1 in at least 95 % of resamples over seeds; sampled return" in found


@pytest.mark.parametrize("works_at_0", [True, False], ids=["smallest", "largest"])
def test_no_window_is_wider_than_one_that_may_go_on_beyond_the_grid(works_at_0):
    ends = (0.91, 0.6, 0.6, 0.6, 0.6, 0.6) if works_at_0 else (0.3, 0.3, 0.4, 0.6, 0.6, 0.91)
    found = words(findings({**NONE, **sweep("entropy", ends), **WIDE}))
    assert found[0] == (
        f"Verdict: against “entropy”, kl_uniform has no shown difference in the peak; the narrower window is {OPEN}."
    )
    told = sentence(found, "kl_uniform against")
    assert f" against 1 of 6 ({0.01 if works_at_0 else 1}), {OPEN}; sampled return in % of the optimum " in told
    assert "wider" not in found[0]
    assert "agree" not in told


def test_a_narrower_window_of_its_own_that_is_open_is_not_held_against_it():
    open_ = sweep("kl_uniform", (0.3, 0.3, 0.4, 0.6, 0.5, 0.99))
    broad = sweep("entropy", (0.4, 0.9, 0.9, 0.9, 0.9, 0.5))
    found = words(findings({**NONE, **broad, **open_}))
    assert found[0] == f"Verdict: against “entropy”, kl_uniform has a higher peak; the narrower window is {OPEN}."


def test_the_wider_window_may_reach_an_end():
    found = words(findings({**NONE, **ENTROPY, **sweep("kl_uniform", (0.9, 0.9, 0.9, 0.91, 0.9, 0.9))}))
    assert found[0] == "Verdict: against “entropy”, kl_uniform has a wider window, not a higher peak."


def test_both_may_reach_the_same_end():
    at_the_end = sweep("entropy", (0.3, 0.3, 0.4, 0.6, 0.91, 0.91))
    both = sweep("kl_uniform", (0.3, 0.3, 0.9, 0.91, 0.91, 0.9))
    assert words(findings({**NONE, **at_the_end, **both}))[0].endswith(f"; the narrower window is {OPEN}.")
