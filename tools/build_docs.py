"""Write the function tables of README.md and docs/functions.md from the one table of worksheet functions.

Run ``python -m tools.build_docs`` after changing a function; a test compares the files with the table.
"""

from __future__ import annotations

import re
from pathlib import Path

from xl_smallcap.functions import FUNCTIONS

ROOT = Path(__file__).parents[1]
_BEGIN, _END = "<!-- functions: begin (python -m tools.build_docs) -->", "<!-- functions: end -->"


def readme_table() -> str:
    """Return the table of functions as README.md shows it.

    Returns
    -------
    str
    """
    rows = [f"| `{f.usage}` | {f.help} |" for f in FUNCTIONS]
    return "\n".join([_BEGIN, "| function | gives |", "|---|---|", *rows, _END])


def functions_page() -> str:
    """Return docs/functions.md: every function with every argument.

    Returns
    -------
    str
    """
    out = [
        "# Worksheet functions",
        "",
        "Generated from the docstrings by `python -m tools.build_docs`. Words are understood in any case; a blank",
        "cell, an empty text and 0 mean the default. Errors are real spreadsheet errors; the sentence behind one is",
        "`=RUSSELL_WHY(FORMULATEXT(A1))`.",
    ]
    for f in FUNCTIONS:
        out += ["", f"## {f.name}", "", f.help, ""]
        out += [f"- `{p.name}`{' (optional)' if p.optional else ''}: {p.help}" for p in f.parameters]
    return "\n".join(out).rstrip() + "\n"


def readme_with_table(text: str) -> str:
    """Return README.md with the table brought up to date.

    Parameters
    ----------
    text : str
        README.md.

    Returns
    -------
    str
    """
    pattern = re.escape(_BEGIN) + r".*?" + re.escape(_END)
    found, times = re.subn(pattern, lambda _: readme_table(), text, flags=re.DOTALL)
    if times != 1:
        raise ValueError("README.md has lost its markers for the function table")
    return found


def main() -> None:
    """Write both files."""
    readme = ROOT / "README.md"
    readme.write_text(readme_with_table(readme.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    (ROOT / "docs" / "functions.md").write_text(functions_page(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
