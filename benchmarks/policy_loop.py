"""A minimal PPO, written from the list of its well-known details: what smoothkit's trainer is held against.

The structure is that of single-file implementations such as CleanRL's: one environment after the other behind
gymnasium's vector interface with statistics of episodes, policy and critic evaluated at every step, a distribution
object for every draw, autograd through each minibatch, and the usual diagnostics of it. It writes no logs and saves
nothing. Details: Huang et al., "The 37 implementation details of proximal policy optimization", 2022, the thirteen core
ones.
"""

import time
from dataclasses import dataclass, field
from typing import NamedTuple

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import RecordEpisodeStatistics
from torch import Tensor, nn
from torch.distributions import Categorical


@dataclass(frozen=True, kw_only=True)
class Settings:
    """CleanRL's hyper-parameters, for any number of environments."""

    timesteps: int
    num_envs: int = 4
    num_steps: int = 128
    epochs: int = 4
    minibatches: int = 4
    lr: float = 2.5e-4
    gamma: float = 0.99
    gae_lambda: float = 0.95
    entropy: float = 0.01
    critic: float = 0.5
    clip: float = 0.2
    max_grad_norm: float = 0.5


@dataclass
class Cost:
    """CPU seconds of the process, and the returns of the episodes that ended meanwhile."""

    acting: float = 0.0
    """Steps of the environments, with the policy's draws and the critic's values; advantages are counted here."""
    learning: float = 0.0
    """Passes over the rollouts."""
    returns: list[float] = field(default_factory=list)
    diagnostics: list[tuple[float, float]] = field(default_factory=list)
    """Of each minibatch: divergence from the policy that acted, and the share of clipped ratios."""


class Agent(nn.Module):
    """Two perceptrons of two layers of 64, with orthogonal weights and biases of 0 at the start."""

    def __init__(self, features: int, actions: int):
        super().__init__()
        self.policy = _perceptron(features, actions, gain=0.01)
        self.critic = _perceptron(features, 1, gain=1.0)

    def act(self, observations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A draw, its log-probability, and the value."""
        distribution = Categorical(logits=self.policy(observations))
        action = distribution.sample()
        return action, distribution.log_prob(action), self.critic(observations).squeeze(-1)

    def judge(self, observations: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probability of given actions, the policy's entropy, and the value."""
        distribution = Categorical(logits=self.policy(observations))
        return distribution.log_prob(actions), distribution.entropy(), self.critic(observations).squeeze(-1)


def _perceptron(features: int, outputs: int, gain: float) -> nn.Sequential:
    widths, gains = (features, 64, 64, outputs), (2**0.5, 2**0.5, gain)
    layers: list[nn.Module] = []
    for inputs, width, scale in zip(widths, widths[1:], gains, strict=False):
        layer = nn.Linear(inputs, width)
        nn.init.orthogonal_(layer.weight, scale)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


class Rollout(NamedTuple):
    """What the steps between two updates left behind; each of steps x environments, `observations` with features."""

    observations: Tensor
    actions: Tensor
    log_probs: Tensor
    rewards: Tensor
    begins: Tensor
    """1 where the observation is the first of an episode."""
    values: Tensor


class Loop:
    """The environments, the agent and its optimiser."""

    def __init__(self, environment: str, settings: Settings, seed: int):
        torch.manual_seed(seed)
        self.settings, self.cost = settings, Cost()
        makers = [lambda: RecordEpisodeStatistics(gymnasium.make(environment)) for _ in range(settings.num_envs)]
        self.envs = SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP)
        features, actions = self.envs.single_observation_space, self.envs.single_action_space
        assert isinstance(features, gymnasium.spaces.Box)
        assert isinstance(actions, gymnasium.spaces.Discrete)
        self.agent = Agent(int(np.prod(features.shape)), int(actions.n))
        self.optimizer = torch.optim.Adam(self.agent.parameters(), lr=settings.lr, eps=1e-5)
        self.random = np.random.default_rng(seed)
        self.observation = torch.from_numpy(self.envs.reset(seed=seed)[0])
        self.begin = torch.zeros(settings.num_envs)
        self.rollout = self._empty(features.shape)

    def _empty(self, features: tuple[int, ...]) -> Rollout:
        shape = (self.settings.num_steps, self.settings.num_envs)
        return Rollout(torch.zeros(*shape, *features), *(torch.zeros(shape) for _ in range(5)))

    def run(self) -> Cost:
        """Train."""
        options = self.settings
        updates = options.timesteps // (options.num_steps * options.num_envs)
        for update in range(updates):
            self.optimizer.param_groups[0]["lr"] = (1 - update / updates) * options.lr
            start = time.process_time()
            self.act()
            advantages = self.advantages()
            middle = time.process_time()
            self.learn(advantages)
            self.cost.acting += middle - start
            self.cost.learning += time.process_time() - middle
        self.envs.close()
        return self.cost

    def act(self) -> None:
        """Fill the rollout."""
        rollout = self.rollout
        for step in range(self.settings.num_steps):
            rollout.observations[step], rollout.begins[step] = self.observation, self.begin
            with torch.no_grad():
                action, rollout.log_probs[step], rollout.values[step] = self.agent.act(self.observation)
            rollout.actions[step] = action
            observation, reward, terminated, truncated, info = self.envs.step(action.numpy())
            rollout.rewards[step] = torch.as_tensor(reward)
            self.observation = torch.from_numpy(observation)
            self.begin = torch.as_tensor(terminated | truncated, dtype=torch.float32)
            if "final_info" in info:
                ended = info["final_info"]["_episode"]
                self.cost.returns += info["final_info"]["episode"]["r"][ended].tolist()

    def advantages(self) -> Tensor:
        """Generalised advantage estimates, from the last step to the first."""
        options, rollout = self.settings, self.rollout
        result = torch.zeros_like(rollout.rewards)
        with torch.no_grad():
            value = self.agent.critic(self.observation).squeeze(-1)
        going_on, running = 1 - self.begin, torch.zeros(options.num_envs)
        for step in reversed(range(options.num_steps)):
            surprise = rollout.rewards[step] + options.gamma * value * going_on - rollout.values[step]
            result[step] = running = surprise + options.gamma * options.gae_lambda * going_on * running
            value, going_on = rollout.values[step], 1 - rollout.begins[step]
        return result

    def learn(self, advantages: Tensor) -> None:
        """Pass over the rollout."""
        options = self.settings
        flat = Rollout(*(part.flatten(0, 1) for part in self.rollout))
        targets, advantages = (advantages + self.rollout.values).flatten(), advantages.flatten()
        order = np.arange(len(advantages))
        for _ in range(options.epochs):
            self.random.shuffle(order)
            for rows in np.split(order, options.minibatches):
                loss = self.loss(Rollout(*(part[rows] for part in flat)), advantages[rows], targets[rows])
                self.optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.agent.parameters(), options.max_grad_norm)
                self.optimizer.step()

    def loss(self, rows: Rollout, advantages: Tensor, targets: Tensor) -> Tensor:
        """PPO's, with the clipped loss of the critic and the entropy bonus."""
        clip = self.settings.clip
        log_probs, entropy, values = self.agent.judge(rows.observations, rows.actions.long())
        difference = log_probs - rows.log_probs
        ratio = difference.exp()
        with torch.no_grad():
            divergence, clipped = (ratio - 1 - difference).mean(), ((ratio - 1).abs() > clip).float().mean()
            self.cost.diagnostics.append((divergence.item(), clipped.item()))
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        policy = torch.max(-advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip)).mean()
        near = rows.values + (values - rows.values).clamp(-clip, clip)
        critic = 0.5 * torch.max((values - targets) ** 2, (near - targets) ** 2).mean()
        return policy - self.settings.entropy * entropy.mean() + self.settings.critic * critic
