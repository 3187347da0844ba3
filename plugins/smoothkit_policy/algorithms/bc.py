"""Behaviour cloning: what an expert did is a label, which `[target]` may smooth."""

from collections.abc import Mapping
from math import log

import torch
from jaxtyping import Float, Float32, Int64, Shaped
from torch import Tensor

from smoothkit.runs import Runs
from smoothkit.schedules import value_at
from smoothkit_policy.action_targets import (
    action_targets,
    build_target,
    imitation_gradient,
    imitation_loss,
    uniform_share,
)
from smoothkit_policy.config import BCConfig, PolicyConfig
from smoothkit_policy.demonstrations import Demonstrations, demonstrate
from smoothkit_policy.environments.make import describe
from smoothkit_policy.exploration.terms import Exploration
from smoothkit_policy.log_probs import log_probs_of
from smoothkit_policy.networks.build import build_network
from smoothkit_policy.optimiser import Optimiser
from smoothkit_policy.policy import Policy
from smoothkit_policy.progress import record_progress
from smoothkit_policy.sight import Sight
from smoothkit_policy.trained import Trained

PerMember = Float32[Tensor, " members"]


def train(config: PolicyConfig, runs: Runs) -> list[Trained]:
    """Train a clone for each run, all of them as one program.

    A step of a run is one step of the optimiser on a batch of demonstrated steps; records count these, which are as
    many times more.

    Raises:
        UserError: there is no such expert, or the target is none for actions.
    """
    options = config.algorithm
    assert isinstance(options, BCConfig)
    clones = Clones(config, options, runs)
    total = config.train.total_timesteps // options.batch_size
    between = max(1, config.evaluate.every // options.batch_size)
    for step in runs.steps(total):
        clones.set_progress((step - 1) / total)
        is_recording = step % config.run.log_every == 0 or step == total
        values = clones.learn(options.batch_size, is_recording)
        if is_recording:
            record(runs, step * options.batch_size, values)
        if step % between == 0 or step == total:
            record_progress(runs.configs, runs, step * options.batch_size, clones.trained())
    return clones.trained()


class Clones:
    """Everything that learns, tracked by the checkpoints; the members are the runs.

    Each member has demonstrations of its own, which follow from its seed, and draws from them with replacement.
    """

    def __init__(self, config: PolicyConfig, options: BCConfig, runs: Runs):
        device, environment = runs.first.device, config.environment
        self.config, self.spec, self.tables = config, *describe(environment)
        shown = [demonstrate(options, environment, self.spec, self.tables, run.seed) for run in runs]
        self.counts = [len(each.actions) for each in shown]
        self.observations = padded([each.observations for each in shown]).to(device)
        self.actions = padded([each.actions for each in shown]).to(device)
        self.returns = torch.stack([each.returns.mean() for each in shown])
        self.visits = [self._visits_of(each) for each in shown]
        self.network = build_network(config.network, self.spec, runs.streams("weights"), 1, device)
        self.optimiser = Optimiser(config.train, self.network)
        self.exploration = Exploration([own.exploration for own in runs.configs], self.spec.num_actions, device)
        self.target = build_target(config, runs.first, self.spec.num_actions)
        self.sight = Sight.of(environment, config.network, self.spec, len(runs), device)
        counted = torch.stack([torch.arange(self.actions.shape[1]) < count for count in self.counts])
        self.sight.learn(self.observations, counted.float().to(device))
        self.streams = runs.streams("minibatches")
        runs.track(network=self.network, optimiser=self.optimiser, sight=self.sight, exploration=self.exploration)

    def set_progress(self, progress: float) -> None:
        """What depends on the share of the training that is done."""
        options = self.config.train
        self.optimiser.set_lr(options.lr * value_at(options.schedule, progress))
        self.exploration.set_progress(progress)
        self.target.set_progress(progress)

    def learn(self, batch_size: int, is_recording: bool) -> dict[str, dict[str, Tensor]]:
        """One step of the optimiser; by prefix and name, what is to be recorded of it."""
        rows = self._drawn(batch_size)
        actions = self.actions.gather(1, rows)
        targets = action_targets(self.target, actions)
        places = torch.arange(len(rows), device=rows.device).unsqueeze(1)
        logits, said = self.network(self.sight(self.observations[places, rows]))
        log_probs = log_probs_of(logits)
        share = torch.full_like(log_probs[..., 0], 1 / batch_size)
        d_logits = imitation_gradient(log_probs, targets, share)
        self.exploration.add_gradient(d_logits, log_probs, share)
        # Nobody asks the critic, and nothing moves it.
        self.network.backward(d_logits, torch.zeros_like(said))
        self.optimiser.step()
        self.exploration.adapt(log_probs, torch.ones_like(share))
        return self._values(log_probs, targets, actions, share) if is_recording else {}

    def trained(self) -> list[Trained]:
        """Each member as it is now, in copies that training does not move."""
        smoothing = uniform_share(self.target)
        return [
            Trained(
                policy=Policy(self.network.member(index), self.sight.member(index), self.spec),
                spec=self.spec,
                tables=self.tables,
                visits=visits,
                smoothing=smoothing,
            )
            for index, visits in enumerate(self.visits)
        ]

    def _drawn(self, batch_size: int) -> Int64[Tensor, "members batch"]:
        """Rows of each member's demonstrations, from its own stream."""
        drawn = zip(self.counts, self.streams, strict=True)
        rows = torch.stack([torch.randint(count, (batch_size,), generator=stream) for count, stream in drawn])
        return rows.to(self.actions.device)

    def _values(
        self,
        log_probs: Float[Tensor, "members rows actions"],
        targets: Float[Tensor, "members rows actions"],
        actions: Int64[Tensor, "members rows"],
        share: Float[Tensor, "members rows"],
    ) -> dict[str, dict[str, Tensor]]:
        entropy = -(log_probs.exp() * log_probs).sum(2).mean(1)
        coef = self.exploration.coef
        return {
            "losses": {
                "policy_loss": imitation_loss(log_probs, targets, share),
                "exploration_loss": (self.exploration.penalty(log_probs) * share).sum(1) * coef,
            },
            "policy": {
                "entropy": entropy,
                "entropy_norm": entropy / log(log_probs.shape[2]),
                "exploration_coef": coef,
            },
            "imitation": {
                "agreement": (log_probs.argmax(2) == actions).float().mean(1),
                "expert_return": self.returns,
            },
            "charts": {"learning_rate": torch.full_like(entropy, self.optimiser.lr)},
        }

    def _visits_of(self, shown: Demonstrations) -> Int64[Tensor, " states"] | None:
        """How often a state was shown."""
        states = self.spec.observations.states
        return None if states is None else shown.observations.bincount(minlength=states)


def padded(members: list[Shaped[Tensor, "_ ..."]]) -> Shaped[Tensor, "members rows ..."]:
    """Members of different lengths side by side, with zeros at the end."""
    return torch.nn.utils.rnn.pad_sequence(members, batch_first=True)


def record(runs: Runs, timesteps: int, values: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Keep each member's numbers in the records of its run."""
    for prefix, own in values.items():
        columns = {name: numbers.tolist() for name, numbers in own.items()}
        for index, run in enumerate(runs):
            run.record(timesteps, prefix, {name: column[index] for name, column in columns.items()})
