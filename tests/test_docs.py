"""Documentation that is true: generated tables are current, formulas answer, commands exist, links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import xl_smallcap
from tests.live.faults import FAULTS
from tools import build_docs
from xl_smallcap import cli
from xl_smallcap.functions.cells import evaluate
from xl_smallcap.functions.formula import find_calls
from xl_smallcap.session import Session

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FORMULAS = [
    (page.name, formula)
    for page in (ROOT / "README.md", ROOT / "docs" / "first-steps.md", ROOT / "docs" / "verification.md")
    for formula in re.findall(r"`=(RUSSELL_\w+\([^`]*\))`", page.read_text(encoding="utf-8"))
]
COMMANDS = sorted(
    {
        line.strip().split("   ")[0]
        for page in PAGES
        for block in re.findall(r"```\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        for line in block.splitlines()
        if line.strip().startswith("xl-smallcap ")
    }
)


def test_generated_parts_are_current() -> None:
    page = (ROOT / "docs" / "functions.md").read_text(encoding="utf-8")
    assert page == build_docs.functions_page(), "run python -m tools.build_docs"
    sources = (ROOT / "docs" / "data-sources.md").read_text(encoding="utf-8")
    assert sources == build_docs.sources_with_table(sources), "run python -m tools.build_docs"


def test_the_page_of_faults_says_what_is_said() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    for fault in FAULTS:
        start = next(n for n, row in enumerate(rows) if row.startswith(f"| {fault.what} |"))
        for row, (source, says) in zip(rows[start : start + 3], fault.says.items(), strict=True):
            assert f"| {source} |" in row
            assert says in row, "run python -m tools.build_reliability"
            assert "Kept: " in row


def test_there_are_examples() -> None:
    assert len(FORMULAS) >= 8
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize(("page", "formula"), FORMULAS, ids=[f for _, f in FORMULAS])
def test_formulas_of_the_docs_do_what_the_docs_say(session: Session, page: str, formula: str) -> None:
    (call,) = find_calls(formula)[:1]
    if not call.literal:
        assert call.name == "RUSSELL_WHY"
        return
    answer = evaluate(call.name, call.arguments)
    wanted = {
        'RUSSELL_BETA("inflaton")': "#VALUE!",
        'RUSSELL_BETA("growth",,,60000)': "#N/A",
        "RUSSELL_DIFF()": "#N/A",  # the sample follows no other snapshot
    }.get(formula)
    assert answer.code == wanted


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_docs_exist(command: str) -> None:
    words = shlex.split(command.split("#", maxsplit=1)[0])
    cli._parser().parse_args(words[1:])


def test_the_two_commands_are_a_line_each() -> None:
    lines = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(lines) == 2
    assert lines[0].endswith("xl-smallcap demo")
    assert lines[1].endswith("-m pytest -n 2")
    marker = README.index("<!-- the test command -->")
    assert README.index(lines[1]) - marker < 60


@pytest.mark.parametrize("page", PAGES, ids=[p.name for p in PAGES])
def test_links_lead_somewhere_and_no_machine_is_named(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
    for trace in (f"{ROOT.parent}/", "/tmp/", "/root/", "shared/"):
        assert trace not in text, trace


def test_the_changelog_knows_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"version {xl_smallcap.__version__}," in text
    days = re.findall(r"^## (.*)$", text, re.M)
    assert days == sorted(days, reverse=True)
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d", day) for day in days)


def test_the_version_stands_in_one_place() -> None:
    version = xl_smallcap.__version__
    for path in (ROOT / "pyproject.toml", *ROOT.glob("xl_smallcap/**/*.py")):
        if path.name != "_version.py":
            assert f'"{version}"' not in path.read_text(encoding="utf-8"), path


def sentences(text: str) -> list[str]:
    """The sentences of a page, without code, tables, headings and links' addresses."""
    plain = re.sub(r"```.*?```", "", text, flags=re.S)
    plain = re.sub(r"^(#|\||<!--|!\[).*$", "\n", plain, flags=re.M)
    plain = re.sub(r"\]\([^)]*\)", "]", plain)
    plain = re.sub(r"`[^`]*`", "code", plain)
    plain = plain.replace("M. Ball", "M Ball")
    ended = re.split(r"(?<=[.?!])\s|\n\s*\n|\n\* |:\n", plain)
    return [" ".join(s.split()) for s in ended if s.strip()]


def test_the_readme_is_short_and_in_short_sentences() -> None:
    assert len(README.splitlines()) <= 120
    assert len(sentences(README)) > 50
    own = re.sub(r"^> .*$", "", README, flags=re.MULTILINE)  # what is quoted is a cell's answer
    long = [s for s in sentences(own) if len(re.findall(r"[\w.%+-]+", s)) > 30 and "·" not in s]
    assert not long
