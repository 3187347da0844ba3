"""The table of all scalars: what it leaves out, it says, and where that is."""

import json

from smoothkit.report.page import write_report


def test_of_very_many_scalars_the_first_are_shown(make_study):
    directory = make_study()
    more = {f"gap/one vs {place}": 0.1 + place for place in range(700)}
    for path in directory.glob("*/seed-*/result.json"):
        content = json.loads(path.read_text())
        intervals = {name: [value - 1, value + 1] for name, value in more.items()}
        path.write_text(json.dumps({**content, "scalars": content["scalars"] | more, "intervals": intervals}))
    text = write_report([directory], formats=("html", "csv")).read_text(encoding="utf-8")
    assert "The first 500 of 703 scalars. All are in each run" in text
    # 3 + 497; each in the tables of results, of differences, and of intervals.
    assert text.count(">gap/one vs 496<") == 3
    assert "gap/one vs 497" not in text
    assert (directory / "report.csv").read_text().count("gap/one vs 497,") == 4


def test_of_few_scalars_all_are_shown(make_study):
    text = write_report([make_study()]).read_text(encoding="utf-8")
    assert "<summary>3 scalars" in text
    assert "The first" not in text
