"""PPO on CartPole-v1: smoothkit's trainer, Stable-Baselines3's from its package, and a minimal loop of the usual kind.

All train in one process with one torch thread, at the same hyper-parameters (CleanRL's), in rounds of random order;
what is compared is the CPU time of the process, without what comes before the first step and after the last.
smoothkit's records of the training are written, and timed; Stable-Baselines3 and the loop keep theirs in memory.
Stable-Baselines3 is left out where it is not installed.

    python benchmarks/policy.py            (about four minutes)
"""

import importlib
import importlib.util
import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from policy_loop import Loop, Settings
from training import Silent

from smoothkit import plugins
from smoothkit.config import validate
from smoothkit.distributed import Group
from smoothkit.run import Run
from smoothkit.runs import Runs
from smoothkit.scenario import RunInfo
from smoothkit.scenario_file import load_scenario
from smoothkit.stopping import StopRequest
from smoothkit_policy.config import PolicyConfig
from smoothkit_policy.train import train

ENVIRONMENT, TIMESTEPS, ROUNDS = "CartPole-v1", 20_480, 7
MANY = 64
"""Copies of the second case, with rollouts of 32 steps."""
TERMS, COEFFICIENTS, SEEDS = ("entropy", "kl_uniform"), (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0), 20
"""Of the population: 14 settings."""
SOLVED, SOLVING_SEEDS = 475, 10
LOOP, SB3 = "the loop, 4 copies", "Stable-Baselines3, 4 copies"
GOALS = {"**smoothkit**, 4 copies": "4, 4", f"**smoothkit**, {MANY} native copies": "14"}
SCENARIOS = Path(__file__).parents[1] / "scenarios"


class Cost(NamedTuple):
    """CPU microseconds for a step of one environment."""

    acting: float
    learning: float

    @property
    def steps_per_second(self) -> float:
        """Steps of environments in a CPU second."""
        return 1e6 / (self.acting + self.learning)


class Row(NamedTuple):
    """One line of the table."""

    who: str
    costs: list[Cost]
    """Of each round."""
    ratios: dict[str, float]
    """Steps per second to those of each that smoothkit is held against, the median of the rounds' ratios."""
    goal: str


class _TimedRuns(Runs):
    """Notes the CPU time up to the end of the last rollout but one: measurements and a checkpoint follow the last."""

    num_steps = 128
    total = learning = 0.0

    def steps(self, total: int) -> Iterator[int]:
        start = time.process_time()
        for step in super().steps(total):
            if step % self.num_steps:
                yield step
                continue
            before = time.process_time()
            yield step
            if step <= total - self.num_steps:
                self.learning += time.process_time() - before
                self.total = time.process_time() - start


def ours(folder: Path, num_envs: int = 4, num_steps: int = 128) -> Cost:
    """smoothkit's trainer; its learning holds the last of the steps of each rollout."""
    config = configured(
        {
            "environment": {"id": ENVIRONMENT, "num_envs": num_envs},
            "algorithm": {"name": "ppo", "num_steps": num_steps},
            "exploration": {"term": "entropy", "coef": 0.01},
            "train": {"total_timesteps": TIMESTEPS},
        }
    )
    runs = _TimedRuns([_run(config, 1, folder)], [config])
    runs.num_steps = num_steps
    train(config, runs)
    timed = TIMESTEPS - num_envs * num_steps
    return Cost(1e6 * (runs.total - runs.learning) / timed, 1e6 * runs.learning / timed)


def configured(values: dict[str, Any]) -> PolicyConfig:
    """The config of a scenario file with these tables."""
    config, problems = validate(PolicyConfig, {"scenario": "policy", **values}, plugins.host().registry)
    assert isinstance(config, PolicyConfig), problems
    return config


def _run(config: PolicyConfig, seed: int, folder: Path, watcher: Silent | None = None) -> Run:
    own = Path(tempfile.mkdtemp(dir=folder))
    info = RunInfo("policy", "bench", seed, own, config.model_dump(mode="json"))
    return Run(info, config.run, Group(), None, watcher or Silent(), StopRequest())


def loop(num_envs: int = 4, num_steps: int = 128) -> Cost:
    """The minimal loop."""
    cost = Loop(ENVIRONMENT, Settings(timesteps=TIMESTEPS, num_envs=num_envs, num_steps=num_steps), seed=1).run()
    return Cost(1e6 * cost.acting / TIMESTEPS, 1e6 * cost.learning / TIMESTEPS)


def sb3(num_envs: int = 4, num_steps: int = 128) -> Cost:
    """Stable-Baselines3's PPO, on its default vector of environments."""
    # It may not be installed, which a type checker would take for an error.
    PPO = importlib.import_module("stable_baselines3").PPO
    make_vec_env = importlib.import_module("stable_baselines3.common.env_util").make_vec_env

    spent = {"collect_rollouts": 0.0, "train": 0.0}

    def timed(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            result = getattr(PPO, name)(*args, **kwargs)
            spent[name] += time.process_time() - start
            return result

        return call

    kind = type("TimedPPO", (PPO,), {name: timed(name) for name in spent})
    agent = kind(
        "MlpPolicy",
        make_vec_env(ENVIRONMENT, n_envs=num_envs, seed=1),
        n_steps=num_steps,
        batch_size=num_envs * num_steps // 4,
        n_epochs=4,
        learning_rate=lambda left: 2.5e-4 * left,
        clip_range=0.2,
        clip_range_vf=0.2,
        ent_coef=0.01,
        policy_kwargs={"optimizer_kwargs": {"eps": 1e-5}},
        device="cpu",
        seed=1,
    )
    agent.learn(TIMESTEPS)
    return Cost(1e6 * spent["collect_rollouts"] / TIMESTEPS, 1e6 * spent["train"] / TIMESTEPS)


def population(folder: Path) -> float:
    """CPU seconds of 14 settings with 20 seeds of the switching corridor, trained as one program."""
    cells = [(term, coef, seed) for term in TERMS for coef in COEFFICIENTS for seed in range(SEEDS)]
    configs = [
        configured(
            {
                "run": {"together": len(cells)},
                "network": {"hidden": [32, 32]},
                "exploration": {"term": term, "coef": coef},
                "train": {"total_timesteps": TIMESTEPS},
            }
        )
        for term, coef, _ in cells
    ]
    runs = Runs([_run(config, seed, folder) for config, (_, _, seed) in zip(configs, cells, strict=True)], configs)
    start = time.process_time()
    train(configs[0], runs)
    return time.process_time() - start


def seconds_to_solve(folder: Path) -> list[float]:
    """For each seed of the scenario file for haste: CPU seconds of training until 100 episodes had a mean of 475."""
    file = load_scenario(SCENARIOS / "policy-cartpole-fast.toml", plugins.host())
    config = next(variant.config for variant in file.variants if variant.name == "critic free")
    assert isinstance(config, PolicyConfig)
    found = []
    for seed in range(SOLVING_SEEDS):
        stopwatch = _Stopwatch()
        train(config, Runs([_run(config, seed, folder, stopwatch)], [config]))
        found.append(stopwatch.solved)
    return found


class _Stopwatch(Silent):
    """Notes the CPU time of the first record whose mean return is high enough; infinite if none is."""

    def __init__(self) -> None:
        self.start, self.solved = time.process_time(), math.inf

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Look at the mean return."""
        if values.get("charts/episodic_return", 0.0) >= SOLVED and self.solved == math.inf:
            self.solved = time.process_time() - self.start


def measure() -> list[Row]:
    """Time everyone, in rounds of random order."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ways: dict[str, Callable[[], Cost]] = {
            LOOP: loop,
            "**smoothkit**, 4 copies": lambda: ours(folder),
            f"the loop, {MANY} copies": lambda: loop(MANY, 32),
            f"**smoothkit**, {MANY} native copies": lambda: ours(folder, MANY, 32),
        }
        if importlib.util.find_spec("stable_baselines3"):
            ways[SB3] = sb3
        return _rounds(ways)


def _rounds(ways: dict[str, Callable[[], Cost]]) -> list[Row]:
    costs: dict[str, list[Cost]] = {who: [] for who in ways}
    for _ in range(ROUNDS + 1):
        for who in random.sample(list(ways), len(ways)):
            costs[who].append(ways[who]())
    rates = {who: [cost.steps_per_second for cost in found[1:]] for who, found in costs.items()}  # the first warms up

    def ratio(who: str, other: str) -> float:
        return statistics.median(own / common for own, common in zip(rates[who], rates[other], strict=True))

    others = [who for who in (LOOP, SB3) if who in ways]
    return [
        Row(who, found[1:], {other: ratio(who, other) for other in others}, GOALS.get(who, ""))
        for who, found in costs.items()
    ]


def tables() -> str:
    """The measurements as Markdown."""
    lines = [
        f"| PPO on {ENVIRONMENT} | steps a CPU second (lowest to highest) | acting, µs | learning, µs | "
        "times the loop | times SB3 | goal |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in measure():
        rates = sorted(cost.steps_per_second for cost in row.costs)
        acting, learning = (statistics.median(cost[place] for cost in row.costs) for place in (0, 1))
        spread = f"{statistics.median(rates):,.0f} ({rates[0]:,.0f} to {rates[-1]:,.0f})"
        to_sb3 = f"{row.ratios[SB3]:.2f}" if SB3 in row.ratios else ""
        costs = f"{acting:.1f} | {learning:.1f} | {row.ratios[LOOP]:.2f} | {to_sb3}"
        lines.append(f"| {row.who} | {spread} | {costs} | {row.goal} |")
    if not importlib.util.find_spec("stable_baselines3"):
        lines.append("\nStable-Baselines3 is not installed, so it is left out (`pip install stable-baselines3`).")
    with tempfile.TemporaryDirectory() as folder:
        seconds, solving = population(Path(folder)), sorted(seconds_to_solve(Path(folder)))
    settings = len(TERMS) * len(COEFFICIENTS)
    lines += [
        "",
        "| **smoothkit** | CPU seconds | goal |",
        "| --- | --- | --- |",
        f"| {settings} settings with {SEEDS} seeds of the switching corridor as one program, {TIMESTEPS:,} steps each "
        f"| {seconds:.1f} | 60 |",
        f"| {ENVIRONMENT}, {MANY} native copies: until 100 episodes have a mean of {SOLVED}, {SOLVING_SEEDS} seeds | "
        f"{statistics.median(solving):.2f} ({solving[0]:.2f} to {solving[-1]:.2f}) | 5 |",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables())
