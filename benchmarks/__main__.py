"""All benchmarks of this folder as Markdown: `make bench`. Ratios are measured side by side in one process each.

`python benchmarks > benchmarks/results/NAME.md` keeps a measurement with the environment that it was made in.
"""

import os
import platform

import fairness
import gan
import losses
import metrics
import pipeline
import policy
import privacy
import report
import startup
import torch
import torchvision
import training


def main() -> None:
    """Print the tables, with the goals that they are held against."""
    print(
        f"Python {platform.python_version()}, torch {torch.__version__}, torchvision {torchvision.__version__}, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; one thread; CPU time, median of rounds.\n"
    )
    print("| training loop of the supervised plugin | bare loop, µs a step | plugin, µs a step | ratio | goal |")
    print("| --- | --- | --- | --- | --- |")
    for row in training.measure():
        goal = "1.03" if row.case.startswith("lenet") else ""
        print(f"| {row.case} | {row.bare:.0f} | {row.plugin:.0f} | {row.ratio:.3f} | {goal} |")
    print("\n| flip and crop of 32x32 images | smoothkit, µs an image | PIL and DataLoader | times less | goal |")
    print("| --- | --- | --- | --- | --- |")
    for line in pipeline.measure():
        print(f"| {line.what} | {line.smoothkit:.1f} | {line.common:.1f} | {line.ratio:.1f} | {line.goal:g} |")
    print("\n| start-up | CPU seconds | times the imports alone | goal |")
    print("| --- | --- | --- | --- |")
    for command in startup.measure():
        print(f"| `{command.command}` | {command.seconds:.3f} | {command.ratio:.2f} | 3 |")
    print("\nMetrics of a million predictions of 100 classes; smoothkit's in bold:\n")
    print(metrics.tables())
    print("\n" + fairness.tables())
    print("\n" + gan.table())
    print("\n" + privacy.tables())
    print("\n" + policy.tables())
    print("\n| report on 200 runs of 10,000 steps | CPU seconds | MB | goal |")
    print("| --- | --- | --- | --- |")
    for line in report.measure():
        goal = "20 s, 15 MB" if line.megabytes else ""
        print(f"| {line.what} | {line.seconds:.1f} | {line.megabytes:.1f} | {goal} |")
    print("\nLosses, forward and backward, in units of torch's cross-entropy with hard labels; smoothkit's in bold:\n")
    print(losses.tables())


if __name__ == "__main__":
    main()
