"""Write docs/functions.md and the table in docs/data-sources.md from the functions and the catalogue.

Run ``python -m tools.build_docs`` after changing a function; a test compares the files with the table.
"""

from __future__ import annotations

import re
from pathlib import Path

from xl_smallcap.data.catalogue import load_catalogue
from xl_smallcap.functions import FUNCTIONS

ROOT = Path(__file__).parents[1]
_SERIES_BEGIN, _SERIES_END = "<!-- series: begin (python -m tools.build_docs) -->", "<!-- series: end -->"


def functions_page() -> str:
    """Return docs/functions.md: every function with every argument."""
    out = [
        "# Worksheet functions",
        "",
        "Generated from the docstrings by `python -m tools.build_docs`. Words are understood in any case; a blank",
        "cell, an empty text and 0 mean the default. Errors are real spreadsheet errors; the sentence behind one is",
        "`=RUSSELL_WHY(FORMULATEXT(A1))`.",
        "",
        "| function | gives |",
        "|---|---|",
        *(f"| [`{f.usage}`](#{f.name.lower()}) | {f.help} |" for f in FUNCTIONS),
    ]
    for f in FUNCTIONS:
        out += ["", f"## {f.name}", "", f.help, ""]
        out += [f"- `{p.name}`{' (optional)' if p.optional else ''}: {p.help}" for p in f.parameters]
    return "\n".join(out).rstrip() + "\n"


def series_table() -> str:
    """Return the table of series as docs/data-sources.md shows it."""
    rows = ["| series | what | owner | licence | asked in this order | published |", "|---|---|---|---|---|---|"]
    for s in load_catalogue().series.values():
        order = ", ".join(f"`{r}`" for r in s.sources) or "your own only"
        when = "daily, counts as known at its own close" if s.frequency == "daily" else s.schedule
        rows.append(f"| {s.id} | {s.label} | {s.publisher} | {s.licence} | {order} | {when} |")
    return "\n".join([_SERIES_BEGIN, *rows, _SERIES_END])


def sources_with_table(text: str) -> str:
    """Return docs/data-sources.md with the table of series brought up to date."""
    pattern = re.escape(_SERIES_BEGIN) + r".*?" + re.escape(_SERIES_END)
    page, times = re.subn(pattern, lambda _: series_table(), text, flags=re.DOTALL)
    if times != 1:
        raise ValueError("docs/data-sources.md has lost its markers for the table of series")
    return page


def main() -> None:
    """Write the files."""
    sources = ROOT / "docs" / "data-sources.md"
    sources.write_text(sources_with_table(sources.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    (ROOT / "docs" / "functions.md").write_text(functions_page(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
