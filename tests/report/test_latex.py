"""LaTeX: nothing in a name is a command, and nothing is bold that was not shown to be better."""

# ruff: noqa: RUF001  (minus signs and dashes are what a reader sees)

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothkit.files import write_arrays
from smoothkit.report.folder import read_study
from smoothkit.report.latex import latex_page, latex_text

SPECIAL = '\\ & % $ # _ { } ~ ^ < > | " ` [x] “q” – — … − ± × ≤ ≥ ≠ ↑ ↓ ▲ ▼ µ αβγδεζηθικλμνξοπρσςτυφχψω'
CAPITALS = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ"


@given(st.text())
def test_no_text_holds_a_bare_special_character(text):
    # What remains after the commands that stand for characters is harmless.
    plain = re.sub(r"\\[a-z]+\{\}|\\[&%$#_{}]|\{[\[\]]\}|\$(-|\\[A-Za-z]+)\$", "", latex_text(text))
    assert not set(plain) & set("\\&%$#_{}~^")
    assert "\n" not in plain


def test_greek_and_signs_become_commands():
    assert latex_text("α ± 0.1 − ς ο") == r"$\alpha$ $\pm$ 0.1 $-$ $\varsigma$ o"
    assert latex_text("Δ Λ Ω Α µ ≠") == r"$\Delta$ $\Lambda$ $\Omega$ A $\mu$ $\neq$"
    assert latex_text("ͱ ά") == "ͱ ά"  # there are no commands for these
    assert latex_text("λ [0, 1] \x1b名") == r"$\lambda$ {[}0, 1{]} 名"


def test_tables_are_booktabs_and_only_better_is_bold(make_study):
    text = latex_page([read_study(make_study(seeds=3))])
    assert text.count("\\begin{table}") == text.count("\\end{table}") == 2
    assert text.count("\\toprule") == text.count("\\bottomrule") == 2
    assert "hard & 0.920 $\\pm$ 0.020 & 0.5000" in text
    # Equal differences of all seeds have no spread, so nothing is said of them.
    assert "\\textbf" not in text
    assert "no spread: more seeds" in text


def test_what_is_better_is_bold(make_study):
    directory = make_study(seeds=4)
    for seed in range(4):
        path = directory / "ls" / f"seed-{seed}" / "result.json"
        content = json.loads(path.read_text())
        content["scalars"]["accuracy"] += 0.05 + 0.001 * (seed % 2)
        content["scalars"]["nll"] += 0.05 + 0.001 * (seed % 2)
        path.write_text(json.dumps(content))
    text = latex_page([read_study(directory)])
    assert re.search(r"LS & \\textbf\{\$\\triangle\$ [^&]*\} & \$\\nabla\$ 0\.55", text)  # better, then worse
    assert "\\textbf{$\\triangle$ better}" in text
    assert "$\\nabla$ worse" in text
    assert not re.search(r"textbf\{[^}]*(nabla|worse)", text)


def test_what_is_not_shown_for_other_test_rows_is_not_bold(make_study):
    directory = make_study(seeds=4)
    for slug in ("hard", "ls"):
        for seed in range(4):
            folder = directory / slug / f"seed-{seed}"
            content = json.loads((folder / "result.json").read_text())
            rows = np.zeros(10)
            if slug == "ls":  # one row makes the whole difference
                rows[0] = 1 + 0.1 * (seed % 2)
            content["scalars"]["nll"] = 1 - rows.mean()
            (folder / "result.json").write_text(json.dumps(content))
            write_arrays(folder / "rows.npz", {"nll": 1 - rows})
    study = read_study(directory)
    comparison = study.summary["comparisons"]["LS"]["nll"]
    assert comparison["ci95"][1] < 0 < comparison["ci95_rows"][1]
    assert comparison["p_holm"] < 0.01
    text = latex_page([study])
    assert "not shown for other test rows" in text
    assert "over test rows too" in text
    assert "\\textbf" not in text


def test_missing_runs_stay_in_their_comment(make_study):
    text = latex_page([read_study(make_study(hostile="\n\\input{x}", unfinished=True))])
    assert "% missing: LS \\input{x}, seed 0: not finished\n" in text
    assert not re.search(r"^[^%\n]*\\input", text, re.MULTILINE)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(make_study, tmp_path):
    tables = latex_page([read_study(make_study(hostile=" a_b & 50% #1 α", seeds=3))])
    source = (
        f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}{tables}{latex_text(SPECIAL + CAPITALS)}"
    )
    (tmp_path / "report.tex").write_text(source + "\\end{document}")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
