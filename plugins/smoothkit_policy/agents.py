"""The agents of one program: how they act, and what becomes of a rollout."""

import torch
from jaxtyping import Bool, Float32, Int64, Shaped
from torch import Tensor

from smoothkit.runs import Runs
from smoothkit.schedules import value_at
from smoothkit.targets import Target
from smoothkit_policy.action_targets import build_target, uniform_share
from smoothkit_policy.advantages import generalised_advantages
from smoothkit_policy.config import BCConfig, MPOConfig, PolicyConfig
from smoothkit_policy.environments.make import make_world
from smoothkit_policy.episodes import Episodes
from smoothkit_policy.exploration.terms import Exploration
from smoothkit_policy.log_probs import log_probs_of
from smoothkit_policy.networks.build import build_network
from smoothkit_policy.normalisation import RewardScale
from smoothkit_policy.optimiser import Optimiser
from smoothkit_policy.policy import Policy
from smoothkit_policy.rollout import Batch, Rollout
from smoothkit_policy.sight import Sight
from smoothkit_policy.trained import Trained

Rows = Float32[Tensor, "members rows"]


class Agents:
    """Everything that acts and learns, tracked by the checkpoints; the members are the runs.

    `config` is what all members have in common, and of `[exploration]` the first one's.
    """

    def __init__(self, config: PolicyConfig, runs: Runs):
        algorithm = config.algorithm
        assert not isinstance(algorithm, BCConfig)
        self.config, self.runs = config, runs
        device, members, copies = runs.first.device, len(runs), config.environment.num_envs
        self.world = make_world(config.environment, [run.seed for run in runs], device)
        spec = self.world.spec
        self.critics = spec.num_actions if isinstance(algorithm, MPOConfig) else 1
        self.network = build_network(config.network, spec, runs.streams("weights"), self.critics, device)
        self.optimiser = Optimiser(config.train, self.network)
        self.sight = Sight.of(config.environment, config.network, spec, members, device)
        self.exploration = Exploration([own.exploration for own in runs.configs], spec.num_actions, device)
        self.target: Target = build_target(config, runs.first, spec.num_actions)
        self.rollout = Rollout(self.world.reset(), algorithm.num_steps, spec.num_actions)
        self.episodes = Episodes(members, copies, device)
        scale = RewardScale(members, copies, algorithm.gamma, device)
        self.reward_scale = scale if config.environment.normalize_rewards else None
        states = spec.observations.states
        self.visits = None if states is None else torch.zeros(members, states, dtype=torch.int64, device=device)
        self.action_streams = runs.streams("actions")
        self.order_streams = runs.streams("minibatches")
        runs.track(
            network=self.network,
            optimiser=self.optimiser,
            world=self.world,
            rollout=self.rollout,
            sight=self.sight,
            exploration=self.exploration,
            episodes=self.episodes,
            counters=self,
            **({"reward_scale": self.reward_scale} if self.reward_scale else {}),
        )
        # An environment that could not be brought back to where it stood has begun new episodes.
        self.rollout.now = self.world.observations
        for sentence in self.world.notes:
            runs.first.note(sentence)

    def act(self, place: int) -> None:
        """One step of all environments of all members."""
        rollout = self.rollout
        if place == 0:
            rollout.begin(self.action_streams)
        logits = self.network.act(self.sight(rollout.now))
        rollout.keep_logits(place, logits)
        if self.exploration.term_family == "mix":
            logits = self.exploration.behaviour(log_probs_of(logits))
        step = self.world.step(rollout.choose(place, logits))
        rollout.note(place, step)
        if step.final is not None:
            rollout.last_values[:, place] = self.values_of(step.final)

    def values_of(self, observations: Shaped[Tensor, "members rows ..."]) -> Rows:
        """What the critic says of states; of one that judges actions, the mean under the policy."""
        seen = self.sight(observations)
        return self.state_values(self.network.values(seen), None if self.critics == 1 else self.network.act(seen))

    def state_values(
        self, critics: Float32[Tensor, "members rows critics"], logits: Float32[Tensor, "members rows actions"] | None
    ) -> Rows:
        """The value of states: the critic's only output, or the mean of one for each action."""
        return critics.squeeze(2) if logits is None else (critics * logits.softmax(2)).sum(2)

    def gathered(self) -> Batch:
        """The rollout as an update sees it; statistics of observations, rewards and episodes move on."""
        rollout, algorithm = self.rollout, self.config.algorithm
        assert not isinstance(algorithm, BCConfig)
        weights, ended = rollout.valid.float(), rollout.ended
        self.episodes.add(rollout.rewards, ended, rollout.valid)
        rewards = rollout.rewards if self.reward_scale is None else self.reward_scale(rollout.rewards, ended, weights)
        log_probs = log_probs_of(rollout.logits.flatten(1, 2)).view_as(rollout.logits)
        rewards = self.exploration.rewards(rewards, log_probs.gather(3, rollout.actions.unsqueeze(3)).squeeze(3))
        observations = self.sight(rollout.observations.flatten(1, 2))
        said = self.network.values(observations)
        values = self.state_values(said, None if self.critics == 1 else rollout.logits.flatten(1, 2))
        values = values.view_as(rewards)
        following = torch.cat([values[:, 1:], self.values_of(rollout.now).unsqueeze(1)], 1)
        next_values = torch.where(rollout.truncated, rollout.last_values, following)
        advantages = generalised_advantages(
            rewards, values, next_values, rollout.terminated, ended, algorithm.gamma, algorithm.gae_lambda
        )
        self._count_visits()
        self.sight.learn(rollout.observations.flatten(1, 2), weights.flatten(1))
        return Batch(
            observations=observations,
            actions=rollout.actions.flatten(1),
            log_probs=log_probs.flatten(1, 2),
            advantages=advantages.flatten(1),
            returns=(advantages + values).flatten(1),
            values=values.flatten(1),
            weights=weights.flatten(1),
        )

    def set_progress(self, progress: float) -> None:
        """What depends on the share of the training that is done."""
        options = self.config.train
        self.optimiser.set_lr(options.lr * value_at(options.schedule, progress))
        self.exploration.set_progress(progress)
        self.target.set_progress(progress)

    def trained(self) -> list[Trained]:
        """Each member as it is now, in copies that training does not move."""
        spec, smoothing = self.world.spec, uniform_share(self.target)
        return [
            Trained(
                policy=Policy(self.network.member(index), self.sight.member(index), spec),
                spec=spec,
                tables=self.world.tables,
                visits=None if self.visits is None else self.visits[index].clone(),
                smoothing=smoothing,
            )
            for index in range(len(self.runs))
        ]

    def state_dict(self) -> dict[str, Tensor]:
        """What is counted, members along the first axis."""
        return {} if self.visits is None else {"visits": self.visits}

    def load_state_dict(self, state_dict: dict[str, Tensor], /) -> None:
        """The inverse."""
        if self.visits is not None:
            self.visits.copy_(state_dict["visits"])

    def _count_visits(self) -> None:
        if self.visits is not None:
            states: Int64[Tensor, "members rows"] = self.rollout.observations.flatten(1)
            valid: Bool[Tensor, "members rows"] = self.rollout.valid.flatten(1)
            self.visits.scatter_add_(1, states, valid.long())
