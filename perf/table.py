"""A run's figures as rows of text, in the order of the catalogue: what the terminal and the documentation show."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from perf.catalogue import FIGURES, Figure, Target, unit

HEADINGS: Final = ("figure", "what it is", "value", "beside", "ratio", "target")

# fmt: off
_NUMBERS: Final = frozenset((
    "value", "ratio", "share", "cost", "default rules", "all rules", "callers", "spans/s", "verifier adds",
    "40 conditions add", "throughput", "to reach", "floor",
))
# fmt: on


class Row(NamedTuple):
    """One line.

    Attributes:
        cells: as HEADINGS.
        missed: a target that holds now is not reached.

    """

    cells: tuple[str, ...]
    missed: bool


def rows(figures: Mapping[str, float]) -> list[Row]:
    """Lines for the figures of the catalogue that a run has."""
    return [_row(name, figure, figures) for name, figure in FIGURES.items() if name in figures]


def uncatalogued(figures: Mapping[str, float]) -> list[Row]:
    """Lines for the other figures: details and the peers of those above."""
    return [_row(name, Figure(""), figures) for name in figures if name not in FIGURES]


def number(value: float) -> str:
    """Three digits that mean something, thousands apart."""
    magnitude = abs(value)
    decimals = 0 if magnitude >= 100 else 1 if magnitude >= 10 else 2
    return f"{value:,.{decimals}f}"


def markdown(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """A table's lines in Markdown; columns of numbers are flush right."""
    marks = ["---:" if heading in _NUMBERS else "---" for heading in headings]
    return [f"| {' | '.join(cells)} |" for cells in (headings, marks, *lines)]


def _row(name: str, figure: Figure, figures: Mapping[str, float]) -> Row:
    value = figures[name]
    beside = ratio = ""
    if figure.peer in figures:
        beside = f"{number(figures[figure.peer])} `{figure.peer}`"
        if figures[figure.peer]:
            ratio = number(value / figures[figure.peer])
    missed = False
    goals = []
    if figure.target is not None:
        missed = figure.target.now is not None and not figure.target.reached(value, figure.target.now)
        goals = [_goal(figure.target, goal, value, later) for goal, later in _asked(figure.target)]
    return Row((f"`{name}`", figure.meaning, f"{number(value)} {unit(name)}", beside, ratio, ", ".join(goals)), missed)


def _asked(target: Target) -> list[tuple[float, bool]]:
    goals = ((target.now, False), (target.later, True))
    return [(goal, later) for goal, later in goals if goal is not None]


def _goal(target: Target, goal: float, value: float, later: bool) -> str:
    sign = "≤" if target.better == "lower" else "≥"
    return f"{sign} {number(goal)}{' later' if later else ''}: {'reached' if target.reached(value, goal) else 'missed'}"
