"""The tables of a policy's scenario file."""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Interval
from pydantic import Field, model_validator

from smoothkit.config import Config
from smoothkit.scenario import RunSettings, Scenario, ScenarioConfig, TargetConfig
from smoothkit.schedules import CurveName, Schedule
from smoothkit.tables import Positive, Share

NonNegative = Annotated[float, Ge(0)]
AtLeastOne = Annotated[int, Ge(1)]
UpToOne = Annotated[float, Interval(gt=0, le=1)]


class EnvironmentConfig(Config):
    """`[environment]`: what the policy acts in, an environment that is registered with gymnasium."""

    id: str = "smoothkit/SwitchingCorridor-v0"
    """Its id, with a number of actions; `module:Name-v0` imports the module that registers it."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the environment."""
    wrappers: tuple[str, ...] = ()
    """Wrappers around each environment, the innermost first: names in `gymnasium.wrappers`, or `module:Class`."""
    num_envs: AtLeastOne = 8
    """Copies that one agent acts in, side by side."""
    mode: Literal["auto", "tables", "native", "sync", "async"] = "auto"
    """How copies are stepped: by their tables of transitions, all agents at once; by the environment's own vector form;
    one after the other; or in processes. `auto` takes tables where there are any, else the vector form from eight
    copies up, else one after the other."""
    autoreset: Literal["auto", "next-step", "same-step", "disabled"] = "auto"
    """When an ended episode is followed by the next: after a step that is only a reset, and is masked; in the same
    step; or by the trainer's own call. `auto` takes `same-step` wherever that is supported."""
    max_episode_steps: AtLeastOne | None = None
    """Longest episode; by default what the environment is registered with, and needed where that is nothing."""
    normalize_observations: bool = False
    """Whether observations are shifted and scaled by their running mean and variance."""
    normalize_rewards: bool = False
    """Whether rewards are divided by the running standard deviation of discounted returns."""


class NetworkConfig(Config):
    """`[network]`: the policy, and a critic of its own."""

    name: Literal["auto", "mlp", "conv"] = "auto"
    """Fully connected, or convolutions as in Mnih et al. 2015; `auto` takes the latter for images of 36 pixels or
    more."""
    hidden: tuple[AtLeastOne, ...] = (64, 64)
    """Widths of the hidden layers, of policy and critic alike; none for a table or a linear policy."""
    activation: Literal["tanh", "relu"] = "tanh"
    """Between the layers."""
    policy_gain: NonNegative = 0.01
    """Scale of the policy's last layer at the start: 0 begins with the uniform policy."""


class Rollouts(Config):
    """What algorithms that act have in common: rollouts, and estimates of what was better than expected."""

    num_steps: AtLeastOne = 128
    """Steps of each copy of the environment between two updates."""
    gamma: Annotated[float, Interval(gt=0, le=1)] = 0.99
    """Discount of rewards."""
    gae_lambda: Annotated[float, Interval(ge=0, le=1)] = 0.95
    """Decay of generalised advantage estimation (Schulman et al. 2016)."""
    vf_coef: NonNegative = 0.5
    """Weight of the critic's loss."""


class Epochs(Rollouts):
    """What algorithms have in common that pass over each rollout several times."""

    update_epochs: AtLeastOne = 4
    """Passes over each rollout."""
    num_minibatches: AtLeastOne = 4
    """Parts of a rollout, each of which is a step of the optimiser."""


class PPOConfig(Epochs):
    """Proximal policy optimisation (Schulman et al. 2017)."""

    name: Literal["ppo"] = "ppo"
    """PPO."""
    clip_coef: Positive | Schedule = 0.2
    """How far a ratio of probabilities may move from 1 before its gradient is cut off."""
    clip_vloss: bool = True
    """Whether the critic's loss is clipped in the same way."""
    norm_adv: bool = True
    """Whether advantages are brought to mean 0 and deviation 1 in each minibatch."""
    target_kl: Positive | None = None
    """Divergence from the policy that acted after which the rest of the passes is left out; no limit by default."""


class A2CConfig(Rollouts):
    """Advantage actor-critic (Mnih et al. 2016): one step of the plain policy gradient for each rollout."""

    name: Literal["a2c"]
    """A2C."""
    num_steps: AtLeastOne = 5
    """Steps of each copy of the environment between two updates."""
    gae_lambda: Annotated[float, Interval(ge=0, le=1)] = 1.0
    """Decay of generalised advantage estimation."""
    norm_adv: bool = False
    """Whether advantages are brought to mean 0 and deviation 1 in each rollout."""


class AWRConfig(Epochs):
    """Advantage-weighted regression (Peng et al. 2019): the action taken is a label, weighted by exp(A / temperature).

    No weight is negative, so `[target]` may smooth the labels."""

    name: Literal["awr"]
    """AWR."""
    temperature: Positive = 1.0
    """Of the weights, in units of the standard deviation of the advantages."""
    max_weight: Positive = 20.0
    """Largest weight, before weights are brought to the mean 1."""


class MPOConfig(Epochs):
    """Maximum a posteriori policy optimisation (Abdolmaleki et al. 2018): the policy imitates its own improvement,
    q ~ pi exp(Q / temperature), which `[target]` may smooth."""

    name: Literal["mpo"]
    """MPO."""
    improvement_kl: Positive = 0.1
    """KL(q || pi) that the temperature is chosen for, in nats, on average over states."""


class BCConfig(Config):
    """Behaviour cloning: the actions of an expert are labels, which `[target]` may smooth."""

    name: Literal["bc"]
    """Behaviour cloning."""
    expert: str = "optimal"
    """Who is imitated, by his most probable action: `optimal`, which needs an environment with tables, or the folder of
    a finished run of this scenario in the same environment, in which `{seed}` stands for the run's own seed."""
    expert_noise: Annotated[float, Interval(ge=0, le=1)] = 0.0
    """Probability that the expert acts at random."""
    episodes: AtLeastOne = 20
    """Episodes that he shows."""
    batch_size: AtLeastOne = 64
    """Demonstrated steps in a step of the optimiser."""


Algorithm = Annotated[PPOConfig | A2CConfig | AWRConfig | MPOConfig | BCConfig, Field(discriminator="name")]


class AdaptiveConfig(Config):
    """`[exploration.adaptive]`: the coefficient is moved so that the policy keeps to a bound."""

    quantity: Literal["entropy", "min_probability"] = "entropy"
    """What is held up: the entropy as a share of log K, or the smallest probability of an action as a share of 1 / K;
    means over the states of a rollout."""
    at_least: Share = 0.15
    """The bound."""
    rate: Positive = 0.3
    """The coefficient's logarithm rises by at most this in an update, and falls by at most a tenth of it."""
    lowest: Positive = 1e-3
    """Smallest coefficient."""
    highest: Positive = 2.0
    """Largest coefficient."""


Term = Literal[
    "none", "entropy", "kl_uniform", "symmetric_kl", "smoothed_target", "mix", "maxent", "naive_label_smoothing"
]


class ExplorationConfig(Config):
    """`[exploration]`: what holds the policy up; u is the uniform distribution over actions, pi the policy."""

    term: Term = "none"
    """`entropy` adds coef KL(pi || u) to the loss, the entropy bonus; `kl_uniform` coef KL(u || pi); `symmetric_kl` the
    mean of both; `smoothed_target` trains on a smoothed improvement of the policy; `mix` acts by (1 - coef) pi +
    coef u; `maxent` adds the entropy to the rewards. `naive_label_smoothing` smooths the action taken by coef, under
    its advantage: a negative control."""
    coef: NonNegative = 0.0
    """The coefficient: lambda of a term of the loss, a probability of `mix` and `naive_label_smoothing`."""
    schedule: CurveName | Schedule = "constant"
    """Its share over the training."""
    adaptive: AdaptiveConfig | None = None
    """A bound that moves the coefficient; `coef` is where it begins."""
    improvement_step: Positive = 0.1
    """Of `smoothed_target`: eta in the improved policy pi + eta A (e_a - pi)."""


class TrainConfig(Config):
    """`[train]`: how long, and the optimiser."""

    total_timesteps: AtLeastOne = 20_480
    """Steps in environments, over all copies of one agent; of `bc` demonstrated steps that are trained on."""
    optimizer: Literal["adam", "rmsprop"] = "adam"
    """Adam with epsilon 1e-5, or RMSprop as in A3C."""
    lr: Positive = 2.5e-4
    """Peak learning rate."""
    schedule: CurveName | Schedule = "linear"
    """How it falls to 0, or that it does not; or a schedule of its share of the peak."""
    max_grad_norm: NonNegative = 0.5
    """Largest norm of an agent's gradient; 0 for no clipping."""


class EvaluateConfig(Config):
    """`[evaluate]`: what is measured of the policy."""

    every: AtLeastOne = 5_120
    """Steps in environments between two measurements during training; there is one after the last step in any case."""
    episodes: AtLeastOne = 100
    """Episodes for each kind of return, where no tables tell it exactly."""
    episodes_during_training: Annotated[int, Ge(0)] = 0
    """The same for measurements during training; none by default, where the returns of training must do."""
    solved: float | None = None
    """Return from which the environment counts as solved; by default 80 % of the optimum where tables tell it, else
    what the environment is registered with."""
    smoothing: Annotated[float, Interval(ge=0, lt=1)] | None = None
    """What is taken off the policy for the de-smoothed return, as a share of u; by default what the target mixed in."""
    tags: Literal["cleanrl", "sb3"] = "cleanrl"
    """Whose names training values have in TensorBoard."""
    strip: Annotated[int, Ge(0)] = 0
    """Pictures of an episode of the greedy policy, for environments that can be rendered; none by default."""


class PolicyRunSettings(RunSettings):
    """`[run]`: as everywhere; agents of several variants may be trained as one program."""

    together: AtLeastOne = 256
    """At most so many agents, of seeds and of variants that differ in `[exploration]` alone, are trained by one process
    as one program. Which agents share a program may change the last digits of results."""
    threads: AtLeastOne | None = 1
    """CPU threads of one run: networks are so small that a second one gains little, and on a busy machine costs ten
    times as much."""
    log_every: AtLeastOne = 128
    """Steps of each copy of the environment between two records of training values: the next update records."""
    checkpoint_every: AtLeastOne = 20_000
    """The same between two checkpoints; there is one at the end of training in any case."""


class PolicyConfig(ScenarioConfig):
    """A policy that learns to act, and what holds it up."""

    run: PolicyRunSettings = PolicyRunSettings()  # pyright: ignore[reportIncompatibleVariableOverride]
    """How each run is carried out."""
    target: TargetConfig = TargetConfig()
    """The target distribution over actions, of the algorithms that imitate: `bc`, `awr` and `mpo`."""
    environment: EnvironmentConfig = EnvironmentConfig()
    """What the policy acts in."""
    network: NetworkConfig = NetworkConfig()
    """The networks."""
    algorithm: Algorithm = PPOConfig()
    """How the policy learns."""
    exploration: ExplorationConfig = ExplorationConfig()
    """What holds it up."""
    allow_naive_label_smoothing: bool = False
    """Needed for `naive_label_smoothing`, which pushes away from u wherever the advantage is negative."""
    train: TrainConfig = TrainConfig()
    """The training."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """The measurements."""

    @model_validator(mode="after")
    def _fits_together(self) -> "PolicyConfig":
        from smoothkit_policy.options import check_options

        check_options(self)
        return self


SCENARIO = Scenario(
    config=PolicyConfig,
    train="smoothkit_policy.train:train",
    evaluate="smoothkit_policy.evaluate:evaluate",
    conclude="smoothkit_policy.conclude:conclude",
    together="smoothkit_policy.population:key",
)
