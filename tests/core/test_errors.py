"""Exit codes, and the words that an error offers."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothkit import errors
from smoothkit.errors import ConfigError, DataError, OutputError, PluginError, SmoothkitError, TrainingError, UserError


@pytest.mark.parametrize("kind", [ConfigError, DataError, OutputError, PluginError])
def test_what_the_user_can_mend_exits_with_2(kind):
    assert issubclass(kind, UserError)
    assert kind.exit_code == 2


@pytest.mark.parametrize("kind", [SmoothkitError, TrainingError])
def test_what_failed_in_a_run_exits_with_1(kind):
    assert not issubclass(kind, UserError)
    assert kind.exit_code == 1


def test_a_config_error_has_one_line_for_each_problem():
    error = ConfigError(f"problem {i}" for i in range(3))
    assert error.problems == ("problem 0", "problem 1", "problem 2")
    assert str(error).splitlines() == list(error.problems)


def test_a_config_error_survives_the_way_from_a_worker_process():
    error = ConfigError(["one", "two"])
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


@given(st.text(alphabet="abcdefgh+-_", min_size=4, max_size=12), st.data())
def test_a_word_with_one_letter_wrong_finds_its_way_back(word, data):
    place = data.draw(st.integers(0, len(word) - 1))
    typo = word[:place] + "z" + word[place + 1 :]
    assert errors.nearest(typo, [word, "0123456789"]) == f"did you mean {word!r}?"


def test_where_nothing_is_near_all_choices_are_listed_in_order():
    assert errors.nearest("zebra", ["ols", "ls"]) == "there are: ls, ols"
    assert errors.nearest("zebra", []) == "there are none"
