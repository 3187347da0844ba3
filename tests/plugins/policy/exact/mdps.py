"""Small decision processes at random, and what an enumeration of all their episodes says."""

from functools import partial
from itertools import product

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothkit_policy.environments.tables import Tables


def floats(low, high):
    return st.floats(low, high, allow_subnormal=False)


@st.composite
def tables(draw, most_states=3, most_actions=3, most_steps=3, most_phases=1):
    """Up to two outcomes of each action, of which any may end the episode.

    What is drawn makes the tables when it is called: their type checks draw random numbers, which strategies must not.
    """
    states, actions = draw(st.integers(1, most_states)), draw(st.integers(1, most_actions))
    phases, outcomes = draw(st.integers(1, most_phases)), draw(st.integers(1, 2))
    shape = (phases, states, actions, outcomes)
    first = draw(arrays(np.float64, shape[:-1], elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])))
    chances = np.stack([first, 1 - first], -1) if outcomes == 2 else np.ones(shape)
    start = draw(arrays(np.float64, states, elements=st.sampled_from([0.0, 1.0, 2.0])))
    start[0] += start.sum() == 0
    return partial(
        Tables,
        next_state=torch.from_numpy(draw(arrays(np.int64, shape, elements=st.integers(0, states - 1)))),
        probability=torch.from_numpy(chances),
        reward=torch.from_numpy(draw(arrays(np.float64, shape, elements=floats(-2.0, 2.0)))),
        terminated=torch.from_numpy(draw(arrays(np.bool_, shape))),
        start=torch.from_numpy(start / start.sum()),
        phase_steps=tuple(range(5, 4 + phases)),
        max_episode_steps=draw(st.integers(1, most_steps)),
    )


@st.composite
def processes(draw, **limits):
    """A decision process, which is made by a call, with a policy for it."""
    found = draw(tables(**limits))
    shape = found.keywords["next_state"].shape[1:3]
    logits = draw(arrays(np.float64, shape, elements=floats(-3.0, 3.0)))
    return found, torch.from_numpy(logits).softmax(-1)


def episodes(mdp, policy, phase=-1):
    """All episodes: their chance, their rewards in order and the states acted in, by following every branch."""

    def go_on(state, left):
        if left == 0:
            yield 1.0, (), ()
            return
        for action, outcome in product(range(mdp.num_actions), range(mdp.probability.shape[-1])):
            place = (phase, state, action, outcome)
            chance = float(policy[state, action] * mdp.probability[place])
            after = [(1.0, (), ())] if mdp.terminated[place] else go_on(int(mdp.next_state[place]), left - 1)
            for later, rewards, states in after:
                yield chance * later, (float(mdp.reward[place]), *rewards), (state, *states)

    for first, chance in enumerate(mdp.start.tolist()):
        for later, rewards, states in go_on(first, mdp.max_episode_steps):
            yield chance * later, rewards, states


def deterministic(mdp):
    """All stationary policies that never draw lots, (policies, states, actions)."""
    choices = product(range(mdp.num_actions), repeat=mdp.num_states)
    return torch.nn.functional.one_hot(torch.tensor(list(choices)), mdp.num_actions).double()
