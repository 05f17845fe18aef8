"""What the command line prints: tables no number of which is ever cut, and progress bars."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SHOWN_ROWS = 40


@contextmanager
def progress(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on a terminal, nothing elsewhere. Takes a name, how many are done and how many there are."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal,
    ) as bar:  # fmt: skip
        task = bar.add_task(what, total=None)

        def step(name: str, done: int, total: int) -> None:
            bar.update(task, description=f"{what} {name}".rstrip(), completed=done, total=total)

        yield step


@contextmanager
def series_progress() -> Iterator[Callable[[str, str, int, int], None]]:
    """Show a bar a series under way and one for all of them on a terminal, nothing elsewhere.

    Takes a series, what happens to it, how many are done and how many there are.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal,
    ) as bar:  # fmt: skip
        whole = bar.add_task("Refreshing", total=None, state="")
        tasks: dict[str, TaskID] = {}

        def tell(series: str, state: str, done: int, total: int) -> None:
            bar.update(whole, completed=done, total=total, state=f"{done}/{total}")
            if state in ("done", "failed"):
                finished = tasks.pop(series, None)
                if finished is not None:
                    bar.remove_task(finished)
            elif series in tasks:
                bar.update(tasks[series], state=state)
            else:
                tasks[series] = bar.add_task(f"  {series}", total=None, state=state)

        yield tell


def as_text(value: Any) -> str:
    """Return a cell as a table shows it."""
    if value is None:
        return "#N/A"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def print_table(table: list[list[Any]], title: str = "", limit: int | None = None) -> None:
    """Print a table whole: no number is ever cut; columns that do not fit a terminal follow below."""
    rows = table[1:]
    kept = rows if limit is None or len(rows) <= limit else [*rows[: limit // 2], *rows[-limit // 2 :]]
    cells = [[str(h) for h in table[0]], *[[as_text(v) for v in row] for row in kept]]
    if len(kept) < len(rows):
        cells.insert(1 + (limit or 0) // 2, ["..."] * len(cells[0]))
    widths = [max(len(row[j]) for row in cells) for j in range(len(cells[0]))]
    right = [all(isinstance(r[j], (int, float)) or r[j] is None for r in rows) for j in range(len(widths))]
    wide = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10**9
    if title:
        print(title)
    start = 1
    while start < len(widths):
        stop, used = start, widths[0]
        while stop < len(widths) and (stop == start or used + 2 + widths[stop] <= wide):
            used += 2 + widths[stop]
            stop += 1
        columns = [0, *range(start, stop)]
        for i, row in enumerate(cells):
            print("  ".join(row[j].rjust(widths[j]) if right[j] else row[j].ljust(widths[j]) for j in columns).rstrip())
            if i == 0:
                print("  ".join("-" * widths[j] for j in columns))
        print()
        start = stop
    if len(kept) < len(rows):
        print(f"{len(rows) - len(kept)} of {len(rows)} rows not shown; use --json for all.")
