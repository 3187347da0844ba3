"""A one-file plugin for tests of grids: a scenario whose results are a formula of its options and the seed."""

from pydantic import model_validator

from smoothkit import hookimpl
from smoothkit.conclusion import Conclusion, Findings
from smoothkit.errors import OptionError
from smoothkit.scenario import Result, Scenario, ScenarioConfig

smoothkit_api = 1


class GriddedConfig(ScenarioConfig):
    """Numbers that the result is made of."""

    height: float = 0.0
    """What is measured, but for the seed."""
    width: float = 1.0
    """What the seed's share is multiplied by."""
    note: str = ""
    """Changes nothing."""

    @model_validator(mode="after")
    def _has_sense(self) -> "GriddedConfig":
        if self.note == "none":
            raise ValueError("there is nothing to note")
        if self.width < 0:
            raise OptionError("width", f"is {self.width:g}, which is less than none")
        return self


SCENARIO = Scenario(GriddedConfig, f"{__name__}:train", f"{__name__}:evaluate", f"{__name__}:conclude")


@hookimpl
def smoothkit_scenarios(register):
    register("gridded", f"{__name__}:SCENARIO")


def score(height, width, seed):
    """The scalar of a run."""
    return height + width * ((seed * 7) % 5)


def train(config, run):
    for _ in run.steps(1):
        pass
    return run.info.seed


def evaluate(config, run, trained):
    return Result({"score": score(config.height, config.width, trained)}, {"score": "higher"}, headline=("score",))


def conclude(findings: Findings) -> Conclusion:
    words = [f"baseline {findings.baseline}"]
    for variant, other in findings.baselines.items():
        words.append(f"{variant} {dict(findings.levels[variant])} against {other}")
    return Conclusion(words=tuple(words))
