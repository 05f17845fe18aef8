"""``pitch``: one page for a meeting, in a workbook of its own with the cells behind it, as PDF and as a picture."""

from __future__ import annotations

import datetime as dt
import io
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xl_smallcap.data.atomic import check_target, write_atomic
from xl_smallcap.errors import BadArgumentError, unknown_word
from xl_smallcap.formulas.calculator import Formula
from xl_smallcap.formulas.values import CellError, Grid
from xl_smallcap.functions import RUSSELL_ASOF, RUSSELL_SCENARIOS
from xl_smallcap.functions import arguments as read
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session, current_session, one_snapshot
from xl_smallcap.workbooks.book import Progress, build_page, check, finished, new_draft
from xl_smallcap.workbooks.draft import Draft, Page
from xl_smallcap.workbooks.on_call import OfficeOnCall
from xl_smallcap.workbooks.outgoing import check_licences
from xl_smallcap.workbooks.picture import png
from xl_smallcap.workbooks.sheets import inputs, pitch, pitch_data, pitch_words, reference
from xl_smallcap.workbooks.sheets.inputs import PitchOptions
from xl_smallcap.workbooks.styles import GENERAL, form_of
from xl_smallcap.xlsx.references import address

AUDIENCES = ("internal", "institutional")
FROZEN = "Frozen"


@dataclass(frozen=True)
class MadePitch:
    """Where the workbook, the PDF and the picture are, and what a person should know."""

    book: Path
    pdf: Path | None
    png: Path | None
    told: tuple[str, ...]


@dataclass(frozen=True)
class Prints:
    """Where the page goes besides the workbook: as PDF, as PNG, both or neither."""

    pdf: Path | None = None
    png: Path | None = None

    def __bool__(self) -> bool:
        return self.pdf is not None or self.png is not None

    def check(self, book: Path) -> None:
        """Refuse places that cannot be written, before anything is computed."""
        for target, kind in ((book, ".xlsx"), (self.pdf, ".pdf"), (self.png, ".png")):
            if target is not None:
                check_target(target, kind)


def _checked(session: Session, options: PitchOptions, as_of: dt.date | None) -> tuple[PitchOptions, tuple[str, ...]]:
    """Names of paths as the library has them; what the series' licences allow to leave the house."""
    if options.audience not in AUDIENCES:
        raise BadArgumentError(unknown_word("audience", options.audience, AUDIENCES))
    own: dict[str, Any] = {name: _one_line(getattr(options, name)) for name in ("house", "disclaimer", "approver")}
    options = replace(options, **own)
    if pitch.width_of(pitch_words.own_line(options)) > pitch.FOOT_WIDTH:
        raise BadArgumentError(
            f"Disclaimer and approver do not fit into the one line they have at the foot of the page: it takes about "
            f"{pitch.FOOT_WIDTH:.0f} small letters, and capitals are wider."
        )
    if options.risk is not None and not (math.isfinite(options.risk) and 0.0 < options.risk <= MOST_RISK):
        raise BadArgumentError(f"The risk must be above 0 and at most {MOST_RISK:,.0f} dollars; got {options.risk:g}.")
    if options.previous is not None and as_of is not None and options.previous > as_of:
        raise BadArgumentError(f"The previous page is of {options.previous}, after this one of {as_of}.")
    find = session.scenarios.find
    path, against = find(options.path).id, find(options.against).id if options.against else ""
    if path == against:
        raise BadArgumentError(f"The two paths are one, '{path}'; give another with --against, or none.")
    others = None if options.others is None else tuple(find(p).id for p in options.others)
    if options.weights and not any(options.weights.values()):  # to a function 0 is a blank cell: no weights
        raise BadArgumentError("The weights add up to 0, not to 1; leave them out for no blend.")
    if options.weights:  # what else is wrong with them is refused in the function's words
        RUSSELL_SCENARIOS("relative", None, as_of, list(map(list, options.weights.items())))
    weights = {find(name).id: weight for name, weight in options.weights.items()}
    made = replace(options, path=path, against=against, others=others, weights=weights)
    if len(made.further) > inputs.MOST_PATHS - 2:
        raise BadArgumentError(
            f"The page has room for {inputs.MOST_PATHS} paths, of which two are the path and the one against it; "
            f"{', '.join(made.further)} are {len(made.further)} more. Weighted paths need room too."
        )
    remarks = () if options.audience == "internal" else check_licences(session, projecting=options.projecting)
    return made, remarks


def _one_line(text: str) -> str:
    """A person's own words without line breaks and control characters, which no workbook can hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


MOST_RISK = 1e12


def pitch_bytes(
    options: PitchOptions, as_of: dt.date | None, progress: Progress, *, freeze: bool = False
) -> tuple[bytes, tuple[str, ...]]:
    """Return a pitch workbook. An .xlsx, and what a person should know."""
    check(as_of)
    session = current_session()
    options, remarks = _checked(session, options, as_of)
    buffer = io.BytesIO()
    draft = new_draft(buffer, "Pitch sheet", "Small against large, by xl_smallcap")
    # the page stays with the data it was made of; a workbook that is to follow the data is 'workbook build'
    draft.book.define_name("RUSSELL_PIN", f'="{session.snapshot.fingerprint}"')
    names = [pitch.NAME, inputs.NAME, pitch_data.NAME, *(["Thesis"] if options.projecting else []), "Data"]
    pages = {name: draft.page(name) for name in names}
    inputs.build(pages[inputs.NAME], options, as_of)
    steps = len(names) + 5
    progress("the page", 2, steps)
    build_page(pages, options)
    if options.projecting:
        reference.thesis(draft, pages["Thesis"])
    reference.data(draft, pages["Data"])
    if freeze:
        progress("frozen values", 3, steps)
        _freeze(draft, draft.page(FROZEN), list(pages.values()))
    draft.finish(lambda name, k: progress(name, 3 + k, steps))
    progress("written", steps - 1, steps)
    return finished(buffer.getvalue(), draft), remarks


def _freeze(draft: Draft, page: Page, pages: list[Page]) -> None:
    """Sheet, cell, formula as text, and its value as it was: what was said stays readable whatever the data do."""
    page.row(0, 0, ["sheet", "cell", "formula", "value when made"], "head")
    row = 1
    for source in pages:
        for (r, c), content in sorted(source.cells.items()):
            if not isinstance(content, Formula):
                continue
            result = draft.calculator.whole(source.name, r, c) if content.spills else source.value(r, c)
            lines = result.rows if isinstance(result, Grid) else ((result,),)
            forms = [form_of(str(head)) for head in lines[0]] if content.spills else [source.looks[r, c].num_format]
            for i, line in enumerate(lines):
                for j, value in enumerate(line):
                    text = content.text if i == j == 0 else f"of {address(r, c)}"
                    _frozen_row(page, row, (source.name, address(r + i, c + j), text, value), forms[j])
                    row += 1
    page.sheet.set_column(0, 1, 11)
    page.sheet.set_column(2, 2, 80)
    page.sheet.set_column(3, 3, 40)
    page.sheet.freeze_panes(1, 0)
    page.sheet.set_landscape()
    page.sheet.set_paper(9)
    page.sheet.fit_to_pages(1, 0)
    page.sheet.repeat_rows(0)
    draft.pages[FROZEN] = page


def _frozen_row(page: Page, row: int, cells: tuple[str, str, str, Any], form: Any) -> None:
    name, place, text, value = cells
    page.row(row, 0, [name, place])
    page.cells[row, 2], page.looks[row, 2] = text, page.styles.get("code")
    shown = value.code if isinstance(value, CellError) else value
    number = form if isinstance(value, float) and isinstance(form, str) and form != "General" else GENERAL
    page.cells[row, 3], page.looks[row, 3] = shown, page.styles.get("text", number, align="left")


def make_pitch(
    options: PitchOptions, as_of: Any, out: Path, prints: Prints, progress: Progress, *, freeze: bool = False
) -> MadePitch:
    """Write a pitch workbook and, if wanted, its page as PDF and as a picture."""
    day = read.day("as_of", as_of)
    if day is None:  # what was known on the last day, not what was published about it later
        day = np.datetime64(RUSSELL_ASOF(), "D")
    prints.check(out)
    when: Any = day.item()
    with one_snapshot(), OfficeOnCall() as office:
        if prints:
            office.foresee()
        data, remarks = pitch_bytes(options, when, progress, freeze=freeze)
        page = b""
        if prints:
            progress("the page by LibreOffice", 9, 10)
            page = print_page(office.ready(), data)
        write_atomic(out, data)
        if prints:
            if prints.pdf is not None:
                write_atomic(prints.pdf, page)
            if prints.png is not None:
                write_atomic(prints.png, png(page))
    progress("", 10, 10)
    return MadePitch(out, prints.pdf, prints.png, remarks)


def print_page(office: Office, data: bytes) -> bytes:
    """Print the page alone. Stored values are shown but for arrays, which need the add-in; so it is there. A PDF."""
    with office.scratch() as folder:
        copy, made = Path(folder) / "pitch.xlsx", Path(folder) / "pitch.pdf"
        copy.write_bytes(data)
        opened = office.do("open", str(copy))
        office.do("recalculate", opened)
        office.do("recalculate", opened)
        office.do("print_sheet", opened, pitch.NAME, str(made))
        office.do("close", opened)
        return made.read_bytes()
