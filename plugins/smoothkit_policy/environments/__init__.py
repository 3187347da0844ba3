"""Environments through gymnasium, and small exact ones of our own, which importing this package registers."""

import gymnasium

_EXACT = "smoothkit_policy.environments.exact"

gymnasium.register(
    "smoothkit/SwitchingCorridor-v0", f"{_EXACT}.switching_corridor:SwitchingCorridor", max_episode_steps=6
)
# The sea is as deep as it is wide: its episodes end by themselves, long before this.
gymnasium.register("smoothkit/DeepSea-v0", f"{_EXACT}.deep_sea:DeepSea", max_episode_steps=1000)
gymnasium.register("smoothkit/Chain-v0", f"{_EXACT}.chain:Chain", max_episode_steps=100)
gymnasium.register("smoothkit/Bandit-v0", f"{_EXACT}.bandit:Bandit", max_episode_steps=1)
