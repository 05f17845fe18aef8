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
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.functions import RUSSELL_FACTOR, RUSSELL_SCENARIOS, RUSSELL_TIPPING
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


EXCEL = 0.945
"""Excel's columns of 25 pixels are that much narrower than LibreOffice's, whose measure is a digit's width of 7.42."""


def nothing_is_cut(data: bytes, page: Printed) -> None:
    """Every text of a block ends before the block does: a spreadsheet cuts it there without a word."""
    whole = blocks(io.BytesIO(data), pitch.NAME)
    left = page.extent(whole["A1"][4])[0]
    column = (page.width - 2 * left) / pitch.COLUMNS
    for _, first, _, last, text in whole.values():
        if isinstance(text, str) and text:
            start, end = page.extent(text)
            assert end - start <= (last - first + 1) * column * EXCEL + 1.0, text


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
    "everything at once": (
        PitchOptions(risk=1e6, house="HOUSE OF EXAMPLE", weights={"goldman": 0.6, "jpmorgan": 0.4}, approver="A. N."),
        False,
    ),
    "five long names, weights, risk and house": (
        PitchOptions(
            path="growth_low_inflation_2sd",
            against="rebound_then_pause_2sd",
            risk=1e6,
            house="House of Example",
            others=("growth_with_inflation_2sd", "growth_disappoints_2sd", "no_change_2sd"),
            weights={"growth_low_inflation_2sd": 0.6, "rebound_then_pause_2sd": 0.4},
        ),
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
    assert cells["U2"].endswith("…")
    assert LONG[:36] in cells["U2"]


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
    row = next(a[1:] for a, t in cells.items() if t == "Your blend")
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
    assert "Untested, too few data: dispersion, positioning, shorts, valuation" in whole
    assert "P/E" not in whole


def test_the_first_days_that_can_be_told(make: Callable[..., Made], book_home: Path) -> None:
    """The sample begins in 2006: a page of 2008 has no monthly betas, and says what it cannot."""
    data, pdf = make(PitchOptions(), dt.date(2008, 3, 31))
    check(data, pdf)
    assert "on months" not in shown(data)[f"E{pitch.BULLETS + 2}"]
    early, _ = made = make(PitchOptions(), dt.date(2007, 12, 31))
    check(*made)
    cells = shown(early)
    assert cells[f"E{pitch.BULLETS + 1}"] == "Weekly betas cannot be fitted by that day."
    assert cells[f"E{pitch.BULLETS + 2}"].startswith("Inflation: none on weeks")


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


def test_weighted_paths_come_before_the_usual_others() -> None:
    assert replace(PitchOptions(), against="").slots[1] is None
    usual = PitchOptions(weights={"a": 0.5, "b": 0.5}).slots
    assert usual == ("growth_low_inflation", "rebound_then_pause", "a", "b", "growth_with_inflation")
    assert PitchOptions(others=("x",)).slots[2:] == ("x", None, None)


def test_levels_are_the_tipping_points_and_say_the_better_side(make: Callable[..., Made], book_home: Path) -> None:
    """On a day on which all three are bounded; the yield is easing with its sign turned."""
    day = dt.date(2025, 4, 1)
    use_session(Session(load_settings(book_home)))
    try:
        table = RUSSELL_TIPPING(None, "goldman", "relative", None, day)
        now = {f: num(RUSSELL_FACTOR(f, "level", day)) for f in ("inflation", "easing")}
    finally:
        use_session(None)
    assert isinstance(table, list)
    points = {str(r[0]): dict(zip(table[0], r, strict=True)) for r in table[1:]}
    cells = shown(make(PitchOptions(), day)[0])
    rate, easing = points["inflation"], points["easing"]
    at, low, high = (now["inflation"] + num(rate[k]) / 100 for k in ("tipping", "lower", "upper"))
    side = "above" if rate["call_fails"] == "below" else "below"
    says = f"5-year breakeven {now['inflation']:.2f}%: even odds at {at:.2f}% ({low:.2f} to {high:.2f}), better {side}"
    assert cells[f"V{pitch.LOWER + 2}"] == says
    at, low, high = (-now["easing"] - num(easing[k]) / 100 for k in ("tipping", "upper", "lower"))
    side = "below" if easing["call_fails"] == "below" else "above"
    says = f"2-year yield {-now['easing']:.2f}%: even odds at {at:.2f}% ({low:.2f} to {high:.2f}), better {side}"
    assert cells[f"V{pitch.LOWER + 3}"] == says


def test_the_day_of_a_late_title_is_not_cut(make: Callable[..., Made]) -> None:
    """A path's name and the longest phrase in one title."""
    data, pdf = make(PitchOptions(), dt.date(2025, 4, 1))
    check(data, pdf)
    assert shown(data)["A1"] == 'On "Growth without inflation*" odds favour small; low inflation beats the rebound.'


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"B12": "nonsense"}, "The first path cannot be projected by that day: see Inputs."),
        ({"B12": ""}, "The first path cannot be projected by that day: see Inputs."),
        ({"B12": "goldman"}, "Odds over 6 months: "),
        ({"C12": "=0.5", "C13": "=0.4"}, "Weights do not add up to 1"),
        ({"B6": "2030-01-01"}, "0.0% since 30 June 2025"),
    ],
)
def test_what_is_typed_into_inputs(
    make: Callable[..., Made], office: Office, tmp_path: Path, typed: dict[str, str], says: str
) -> None:
    (tmp_path / "pitch.xlsx").write_bytes(make(PitchOptions())[0])
    opened = office.do("open", str(tmp_path / "pitch.xlsx"))
    office.do("recalculate", opened)
    for cell, text in typed.items():
        office.do("type", opened, "Inputs", f"{cell}:{cell}", [[text]])
    page = [str(v) for row in office.do("read", opened, pitch.NAME, "A1:AN42") for v in row if v not in ("", None)]
    office.do("close", opened)
    assert any(says in t for t in page), page
    assert not any("error" in t for t in page), "no error on the page, whatever was typed"
    if typed.get("B12") == "goldman":
        assert "Growth without inflation*" in page
    else:
        assert "over 0 months" not in "\n".join(page)


def test_own_words_are_words(make: Callable[..., Made]) -> None:
    """A disclaimer that looks like a formula is none; line breaks and control characters go."""
    options = PitchOptions(house="=1+1", disclaimer="=1+1\x01 two\nlines", approver="A. Nother.")
    data, pdf = make(options)
    check(data, pdf)
    cells = shown(data)
    assert cells["U2"] == "=1+1"
    assert cells[f"A{pitch.FOOT + 3}"] == "=1+1 two lines Approved by A. Nother."


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (PitchOptions(risk=-1.0), "must be above 0"),
        (PitchOptions(risk=float("nan")), "must be above 0"),
        (PitchOptions(previous=dt.date(2026, 1, 1)), "after this one of 2025-06-30"),
        (PitchOptions(disclaimer="ALL CAPITALS " * 12), "do not fit into the one line"),
        (PitchOptions(others=("stagflation", "oil_shock", "no_change", "dollar_falls")), "are 4 more"),
        (PitchOptions(weights={"goldman": 0.5, "growth_low_inflation": 0.5}), "is given twice"),
        (PitchOptions(weights={"goldman": 0.0, "jpmorgan": 0.0}), "add up to 0, not to 1"),
        (PitchOptions(weights={"goldman": 0.5, "jpmorgan": 0.4}), "add up to 0.9, not to 1"),
        (PitchOptions(weights={"goldman": 1.5, "jpmorgan": -0.5}), "must lie between 0 and 1"),
        (PitchOptions(path="goldmann"), "Did you mean 'goldman'"),
    ],
)
def test_what_a_page_cannot_be_made_of_is_refused(session: Session, options: PitchOptions, says: str) -> None:
    with pytest.raises(BadArgumentError, match=says):
        pitch_bytes(options, DAY, quiet)


def test_own_paths_of_any_name_and_number(tmp_path: Path, office: Office) -> None:
    load(Store(tmp_path / "store"), "sample", lambda *_: None)

    def path(name: str, label: str, shock: int) -> str:
        head = f'[paths.{name}]\nlabel = "{label}"\ndated = 2025-01-01\nsource = "ours"\nmonths = 12\n'
        return head + f'[paths.{name}.shocks]\ngrowth = {{ unit = "pct", shock = {shock} }}\n'

    paths = "".join(path(f"own{i}", f"={i}+1", i % 7) for i in range(50))
    named = path("words", "Broad-based reacceleration, inflation-expectations anchored, aggressive easing", 3)
    (tmp_path / "scenarios.toml").write_text("schema = 1\n" + paths + named, "utf-8")
    use_session(Session(load_settings(tmp_path)))
    try:
        data, _ = pitch_bytes(PitchOptions(path="words", against="own49"), DAY, quiet)
        with started_office(tmp_path) as own:
            pdf = print_page(own, data)
    finally:
        use_session(None)
    check(data, pdf)
    cells = shown(data)
    assert "Paths over 12 months, small less large" in cells.values()
    assert "=49+1" in cells.values(), "a name that looks like a formula is a name"
    assert any(t.startswith("Broad-based reacceleration") and t.endswith("…") for t in cells.values())
    formulas = openpyxl.load_workbook(io.BytesIO(data))
    longest = max(len(str(c.value)) for sheet in formulas for row in sheet for c in row if c.value)
    assert longest < 8_192, "Excel's limit"
