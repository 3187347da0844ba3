"""Whether an environment can be brought to where another copy of it stands: tried, as no environment tells."""

from collections.abc import Callable

import numpy as np
from gymnasium.vector import AutoresetMode

from smoothkit_policy.environments.copies import Batch, Copies
from smoothkit_policy.environments.plain import packed, unpacked
from smoothkit_policy.environments.watched import BadStep

STEPS = 40


def comes_back(build: Callable[[], Copies], num_actions: int, first_action: int) -> bool:
    """Whether new copies that return to the past of others do as those do, over a few random steps before and after.

    An environment that fails is not judged here: its first step in earnest will tell better.
    """
    random = np.random.default_rng(0)
    leading, following = build(), build()
    shape = 2 * STEPS, leading.envs.num_envs
    actions = first_action + random.integers(num_actions, size=shape)
    try:
        leading.reset(list(range(shape[1])))
        pending = np.zeros(shape[1], dtype=np.bool_)
        for own in actions[:STEPS]:
            _, _, terminated, truncated, _ = leading.step(own)
            pending = terminated | truncated
        following.reset(list(range(shape[1], 2 * shape[1])))
        resets_next = pending & (leading.autoreset is AutoresetMode.NEXT_STEP)
        following.return_to(unpacked(packed([leading.past()]))[0], resets_next.tolist())
        return all(_same(leading.step(own), following.step(own)) for own in actions[STEPS:])
    except BadStep:
        return True
    except Exception:
        # Whatever goes wrong on the way back: this is no way.
        return False
    finally:
        leading.close()
        following.close()


def _same(one: Batch, other: Batch) -> bool:
    return all(np.array_equal(*parts) for parts in zip(one[:4], other[:4], strict=True))
