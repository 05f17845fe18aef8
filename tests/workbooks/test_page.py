"""The page a desk hands over, measured as it is printed: its limits, for every audience and whatever is missing."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from tests.conftest import num, started_office
from tests.workbooks.page_of import Printed, blocks, contrast, printed
from xl_smallcap.config import load_settings
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.functions import RUSSELL_SCENARIOS
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session, use_session
from xl_smallcap.workbooks.picture import png
from xl_smallcap.workbooks.pitch_sheet import pitch_bytes, print_page
from xl_smallcap.workbooks.sheets import pitch
from xl_smallcap.workbooks.sheets.inputs import PitchOptions

pytestmark = [pytest.mark.libreoffice, pytest.mark.filterwarnings("ignore:.*xtension is not supported")]
MOST_WORDS, MOST_PROSE, MOST_TITLE, MOST_BULLET, SMALLEST, LEAST_CONTRAST = 480, 220, 12, 25, 7.5, 4.5
DAY = dt.date(2025, 6, 30)
LONG = "The Very Long and Venerable House of Example, Sons, Daughters and Successors, Incorporated in Delaware"


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def shown(data: bytes, sheet: str = pitch.NAME) -> dict[str, str]:
    """What each cell of a sheet shows."""
    page = openpyxl.load_workbook(io.BytesIO(data), data_only=True)[sheet]
    return {c.coordinate: str(c.value) for row in page.iter_rows() for c in row if c.value not in (None, "")}


def prose(cells: dict[str, str], projecting: bool) -> list[str]:
    """Everything on the page that is a sentence: title, bullets, levels, triggers, notes and the foot."""
    rows = [pitch.TITLE + 1, *(pitch.BULLETS + 1 + i for i in range(3)), *(pitch.FOOT + 1 + i for i in range(3))]
    found = [t for a, t in cells.items() if int("".join(c for c in a if c.isdigit())) in rows]
    lists = [pitch.LOWER + 2 + i for i in range(4)] + [pitch.LOWER + 6]
    right = [t for a, t in cells.items() if a.startswith("V") and int(a[1:]) in lists]
    left = [t for a, t in cells.items() if a.startswith("A") and a[1:].isdigit() and int(a[1:]) > pitch.LOWER + 8]
    return [*found, *right, *(t for t in left if t not in found)]


def check(data: bytes, pdf: bytes) -> Printed:
    """Hold a page against every limit."""
    page, cells = printed(pdf), shown(data)
    assert page.pages == 1
    assert page.width > page.height, "landscape"
    assert len(page.words) <= MOST_WORDS
    assert min(c.size for c in page.characters) >= SMALLEST
    faint = [c for c in page.characters if c.contrast < LEAST_CONTRAST]
    assert not faint, faint[:5]
    assert not [t for t in cells.values() if t.startswith("#")], "no error on the page"
    title = cells["A1"]
    assert 3 <= len(title.split()) <= MOST_TITLE, title
    assert title.endswith(".")
    for i in range(3):
        row = pitch.BULLETS + 1 + i
        assert len(f"{cells[f'A{row}']} {cells[f'E{row}']}".split()) <= MOST_BULLET + 1, cells[f"E{row}"]
        assert len(cells[f"E{row}"].split()) <= MOST_BULLET
    said = prose(cells, projecting=True)
    assert sum(len(t.split()) for t in said) <= MOST_PROSE
    assert not any("log %" in t for t in said)
    nothing_is_cut(data, page)
    return page


def nothing_is_cut(data: bytes, page: Printed) -> None:
    """Every text of a block ends before the block does: a spreadsheet cuts it there without a word."""
    whole = blocks(io.BytesIO(data), pitch.NAME)
    left = page.extent(whole["A1"][4])[0]
    column = (page.width - 2 * left) / pitch.COLUMNS
    for _, first, _, last, text in whole.values():
        if isinstance(text, str) and text:
            start, end = page.extent(text)
            assert end - start <= (last - first + 1) * column + 1.0, text


Made = tuple[bytes, bytes]


@pytest.fixture(scope="module")
def make(book_home: Path, office: Office) -> Callable[..., Made]:
    """A page by its options, and its print; each once."""
    kept: dict[str, Made] = {}

    def build(options: PitchOptions, as_of: dt.date | None = DAY, *, freeze: bool = False) -> Made:
        key = f"{options} {as_of} {freeze}"
        if key not in kept:
            use_session(Session(load_settings(book_home)))
            try:
                data, _ = pitch_bytes(options, as_of, quiet, freeze=freeze)
                kept[key] = data, print_page(office, data)
            finally:
                use_session(None)
        return kept[key]

    return build


OWN = PitchOptions(
    path="growth_disappoints", against="stagflation", others=("oil_shock",),
    weights={"growth_disappoints": 0.6, "stagflation": 0.4},
)  # fmt: skip
CASES = {
    "internal": (PitchOptions(risk=1e6), False),
    "institutional": (PitchOptions(audience="institutional", approver="A. Nother"), False),
    "frozen": (PitchOptions(), True),
    "own paths and weights": (OWN, False),
    "long siblings": (PitchOptions(path="growth_with_inflation_2sd", against="growth_low_inflation_2sd"), False),
    "one path only": (PitchOptions(against="", others=()), False),
    "a very long house": (
        PitchOptions(audience="institutional", house=LONG, disclaimer="Professional clients only. " * 3),
        False,
    ),
    "projections for others": (PitchOptions(audience="institutional", projections=True), False),
}


@pytest.mark.parametrize("name", CASES)
def test_within_every_limit(make: Callable[..., Made], name: str) -> None:
    options, freeze = CASES[name]
    for day in (DAY, None) if name in ("internal", "institutional") else (DAY,):
        check(*make(options, day, freeze=freeze))


def test_a_long_house_name_keeps_its_place(make: Callable[..., Made]) -> None:
    cells = shown(make(CASES["a very long house"][0])[0])
    assert cells["A2"].endswith("…")
    assert LONG[:40] in cells["A2"]


def test_one_path_is_a_table_of_one(make: Callable[..., Made]) -> None:
    cells = shown(make(CASES["one path only"][0])[0])
    bullet = cells[f"E{pitch.BULLETS + 3}"]
    assert "Growth without inflation" in bullet
    assert "Rebound" not in "".join(cells.values())


def test_the_blend_is_of_the_users_weights(make: Callable[..., Made], book_home: Path) -> None:
    use_session(Session(load_settings(book_home)))
    try:
        table = RUSSELL_SCENARIOS("relative", None, DAY, [["growth_disappoints", 0.6], ["stagflation", 0.4]])
    finally:
        use_session(None)
    blend = dict(zip(table[0], table[-1], strict=True))
    cells = shown(make(OWN)[0])
    row = next(a[1:] for a, t in cells.items() if t == "Blend by your weights")
    assert cells[f"K{row}"] == f"{num(blend['mean']):+.1f}%"
    assert cells[f"M{row}"] == f"{num(blend['p5']):+.0f} to {num(blend['p95']):+.0f}%"
    assert cells[f"P{row}"] == f"{num(blend['prob_outperform, conditional on the path']):.0%}"


def test_without_gauges_positions_and_constituents(tmp_path: Path, office: Office) -> None:
    store = Store(tmp_path / "store")
    load(store, "sample", lambda *_: None)
    old = store.open()
    gone = {"PE_ALL", "PE_POSITIVE", "SHORT_INTEREST", "EPS_GROWTH"}
    kept = {n: e for n, e in old.entries.items() if n not in gone and not n.startswith("TFF_")}
    store.use(store.add({}, source="sample", kept=kept, synthetic=True).fingerprint)
    use_session(Session(load_settings(tmp_path)))
    try:
        data, _ = pitch_bytes(PitchOptions(), None, quiet)
        with started_office(tmp_path) as own:
            pdf = print_page(own, data)
    finally:
        use_session(None)
    check(data, pdf)
    whole = "\n".join(shown(data).values())
    assert "Not tested, no data: dispersion, positioning, short interest, valuation" in whole
    assert "P/E" not in whole


def test_the_first_days_that_can_be_told(make: Callable[..., Made], book_home: Path) -> None:
    """The sample begins in 2006: a page of 2008 has no monthly betas, and says what it cannot."""
    data, pdf = make(PitchOptions(), dt.date(2008, 3, 31))
    check(data, pdf)
    assert "on months" not in shown(data)[f"E{pitch.BULLETS + 2}"]


def test_a_locale_with_decimal_commas(book_home: Path, make: Callable[..., Made]) -> None:
    data, english = make(PitchOptions())
    with started_office(book_home, LC_ALL="de_DE.UTF-8", LANG="de_DE.UTF-8") as german:
        page = printed(print_page(german, data))
    check_words = [w for w in page.words if any(c.isdigit() for c in w)]
    assert "yyyy" not in " ".join(page.words)
    assert [w.replace(",", ".") for w in check_words] == [
        w.replace(",", ".") for w in printed(english).words if any(c.isdigit() for c in w)
    ]
    beta = next(w for w in page.words if w.startswith(("+0,", "-0,")))
    assert len(beta) == 5, "two digits behind a comma"
    assert "2025" in page.words


def test_the_picture_is_the_page(make: Callable[..., Made]) -> None:
    _, pdf = make(PitchOptions())
    drawn = png(pdf)
    assert drawn[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(drawn[16:20], "big") == 1754
    assert png(pdf) == drawn, "the same page is the same picture"


def test_contrast_is_what_wcag_says() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21.0)
    assert contrast((0x76, 0x76, 0x76), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)


def test_options_are_plain() -> None:
    assert replace(PitchOptions(), against="").slots[1] is None
    assert len(PitchOptions(weights={"a": 0.5, "b": 0.5}).slots) == 5
