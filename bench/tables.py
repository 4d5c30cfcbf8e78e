"""The tables of a comparison, in Markdown."""

import math
import statistics
from collections.abc import Sequence

from bench.measure import ROUTES, Measure
from bench.start import Start

Measures = dict[tuple[int, str, str], list[Measure]]  # By clients, route and service.
HEADINGS = [
    "route",
    "clients",
    "service",
    "requests/s",
    "p50, ms",
    "p99, ms",
    "CPU, µs/request",
    "CPU / ours",
    "memory, MB",
    "errors",
    "refused",
]
START_HEADINGS = ["service", "to the first answer, s", "memory then, MB", "memory after all, MB"]


def print_measures(measures: Measures) -> None:
    """Print the median of each figure; but of the errors, all."""
    middle = {key: Measure(*medians(rows)) for key, rows in measures.items()}
    print_heading(HEADINGS)
    # Rows of a route stand together: sorting keeps the order of the services.
    for key in sorted(middle, key=lambda key: (key[0], [*ROUTES].index(key[1]))):
        clients, route, title = key
        row, ours = middle[key], middle.get((clients, route, "ours"))
        cells = figures(row)
        cells.insert(4, number(row.cpu / ours.cpu if ours else math.nan))
        cells[-2] = str(sum(each.errors for each in measures[key]))
        print_line([ROUTES[route], str(clients), title, *cells])


def print_starts(starts: dict[str, list[Start]]) -> None:
    print()
    print_heading(START_HEADINGS)
    for title, rows in starts.items():
        print_line([title, *map(number, medians(rows))])


def figures(row: Measure) -> list[str]:
    *measured, errors, refused = row
    return [*map(number, measured), str(errors), f"{refused:.0f}"]


def medians(rows: Sequence[tuple[float, ...]]) -> list[float]:
    return [statistics.median(column) for column in zip(*rows, strict=True)]


def number(value: float) -> str:
    """Return three digits or more; a dash for what was not measured."""
    if math.isnan(value):
        return "-"
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def print_heading(cells: list[str]) -> None:
    print_line(cells)
    print_line(["---"] * len(cells))


def print_line(cells: list[str]) -> None:
    print(f"| {' | '.join(cells)} |")
