"""The page of metrics: its Python runs, its file loads, and it knows every registered metric."""

import re
from pathlib import Path

from smoothkit import builtin, plugins
from smoothkit.scenario_file import load_scenario

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_the_code_of_the_page_runs_from_top_to_bottom(capsys):
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(block, names)
    said = capsys.readouterr().out
    assert re.search(r"A: gap \+0\.\d+ \[\+0\.\d+, \+0\.\d+\], n 667", said), "logits scaled by 1.5 are over-confident"
    assert "B against A" in said


def test_the_table_of_the_page_names_every_metric():
    table = PAGE.partition("| name | what it is |")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1] if row else "")}
    assert named == set(builtin.METRICS)


def test_the_file_of_the_page_is_understood(tmp_path):
    (evaluate,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "study.toml").write_text(f'scenario = "supervised"\n{evaluate}', encoding="utf-8")
    (variant,) = load_scenario(tmp_path / "study.toml", plugins.host()).variants
    metrics = [metric.build() for metric in variant.config.evaluate.metrics]
    assert [metric.name for metric in metrics] == ["accuracy", "nll", "ece", "adaptive_ece"]
