"""Sheet Inputs: what a person decides about the page and the day of the workbook; no input is printed on the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from xl_smallcap.sentences import fixed
from xl_smallcap.session import current_session
from xl_smallcap.workbooks.draft import Page
from xl_smallcap.workbooks.results import Tables
from xl_smallcap.workbooks.sheets import LATEST, columns, heading
from xl_smallcap.workbooks.styles import COUNT, DATE, SHARE, Kind
from xl_smallcap.xlsx.references import address

NAME = "Inputs"
MOST_PATHS, LIBRARY_ROOM = 5, 40
"""Paths on the page, and rows kept for the library's."""
DAY, PREVIOUS, PERIOD, RISK, PATHS, LIBRARY = 4, 5, 6, 7, 11, 19
"""First rows of the blocks, from zero."""
UNKNOWN = "unknown"
OTHERS = ("growth_with_inflation", "growth_disappoints", "no_change")
_DIRECTION = 60
"""Characters of a direction in one line."""
LEGEND: tuple[tuple[str, Kind], ...] = (
    ("yellow: typed by you", "input"),
    ("white: a RUSSELL_ result", "result"),
    ("grey: a formula on results", "derived"),
)


@dataclass(frozen=True)
class PitchOptions:
    """For whom, and by what paths.

    `projections` None: shown inside the house only; `against` empty: no such path; `others` None: the usual ones, as
    far as there is room.
    """

    path: str = "growth_low_inflation"
    against: str = "rebound_then_pause"
    others: tuple[str, ...] | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    audience: str = "internal"
    projections: bool | None = None
    previous: dt.date | None = None
    risk: float | None = None
    house: str = ""
    disclaimer: str = ""
    approver: str = ""

    @property
    def projecting(self) -> bool:
        """Whether odds, paths and levels that come from projections are shown."""
        return self.audience == "internal" if self.projections is None else self.projections

    @property
    def internal(self) -> bool:
        """Whether the page stays in the house."""
        return self.audience == "internal"

    @property
    def slots(self) -> tuple[str | None, ...]:
        """The paths of the page in order, each once: the path, the one against it, those with weights, others."""
        return (self.path, self.against or None, *[*self.further, *[None] * MOST_PATHS][: MOST_PATHS - 2])

    @property
    def further(self) -> tuple[str, ...]:
        """The paths after the first two; more than there is room for are the caller's to refuse."""
        own = (*self.weights, *(self.others or ()))
        room = OTHERS[: max(0, MOST_PATHS - 2 - len(set(self.weights) - {self.path, self.against}))]
        wanted = own if self.others is not None else (*own, *room)
        return tuple(dict.fromkeys(p for p in wanted if p not in (self.path, self.against)))


def period(day: str) -> str:
    """Return the formula of the day from which year's charts run: in January to March the year before is in them."""
    return f"DATE(YEAR({day})-IF(MONTH({day})<4,1,0),1,1)-1"


def weekday(day: str) -> str:
    """Return the formula of a day, of its Friday at a weekend: Excel counts Saturdays as multiples of seven."""
    return f"{day}-IF(MOD({day},7)<2,MOD({day},7)+1,0)"


def build(page: Page, options: PitchOptions, as_of: object) -> None:
    """Write the sheet; first of all, since every sheet uses its names."""
    heading(page, "Inputs", "What the page Pitch is made for. Type into the yellow cells; every sheet follows.")
    rows: tuple[tuple[int, str, str, object, str, str], ...] = (
        (DAY, "As of", "in_as_of", as_of, DATE, "empty = the last day of the data"),
        (PREVIOUS, "Previous page", "in_previous", options.previous, DATE, "empty = a month before"),
        (PERIOD, "Period from", "in_period", None, DATE,
         "empty = year to date, 3 months at least"),
    )  # fmt: skip
    for row, label, name, value, form, says in rows:
        page.put(row, 0, label, kind="label")
        page.input(row, 1, name, value, form=form)
        page.put(row, 3, says, kind="note", indent=1)
    page.put(DAY, 2, f"={LATEST}", DATE)
    day = address(DAY, 2, True)
    page.put(PREVIOUS, 2, f'=IF(in_previous="",{weekday(f"EDATE({day},-1)")},MIN(in_previous,{day}))', DATE)
    page.put(PERIOD, 2, f'=IF(in_period="",{period(day)},MIN(in_period,{day}-1))', DATE)
    for row, name in ((DAY, "page_day"), (PREVIOUS, "page_previous"), (PERIOD, "page_from")):
        page.draft.define(name, NAME, row, 2)
    if options.projecting:
        if options.internal:
            page.put(RISK, 0, "Risk, dollars", kind="label")
            page.input(RISK, 1, "in_risk", options.risk, form=COUNT)
            page.put(RISK, 3, "one sd of a month; empty = no futures", kind="note")
        _paths(page, options)
    for row, (said, kind) in enumerate(LEGEND, DAY):
        page.put(row, 4, said, kind=kind, align="left", bold=False)
    columns(page, (15, 28, 12, 38, 52))
    page.sheet.print_area(0, 0, LIBRARY + len(current_session().scenarios.paths) + 1, 4)


def _paths(page: Page, options: PitchOptions) -> None:
    """The page's paths with weights, and the library's to choose from.

    A list typed into a validation ends at 255 characters, which the library's names exceed, so it is a range. Names and
    labels may be a person's own and are written as they are.
    """
    library = list(current_session().scenarios.paths.values())
    room = max(LIBRARY_ROOM, len(library) + 5)
    ids, labels, days = (
        f"{address(LIBRARY, column, True)}:{address(LIBRARY + room - 1, column, True)}" for column in (1, 3, 2)
    )
    choices = f"='{NAME}'!{address(LIBRARY, 1, True)}:{address(LIBRARY + len(library) - 1, 1, True)}"
    page.put(PATHS - 2, 0, "Paths on the page. Weights are yours and add up to 1; without any there is no blend.",
             kind="label", align="left")  # fmt: skip
    block = f"{address(PATHS, 1, True)}:{address(PATHS + MOST_PATHS - 1, 2, True)}"
    weights = f"SUM({address(PATHS, 2, True)}:{address(PATHS + MOST_PATHS - 1, 2, True)})"
    wrong = f'"Weights add up to "&{fixed(weights, 2)}&", not to 1: no blend."'
    page.put(PATHS - 2, 4, f'=IF(OR({weights}=0,ABS({weights}-1)<0.000001),"",{wrong})', kind="warning")
    page.row(PATHS - 1, 0, ["", "path", "weight", "what it is called", "written"], "head")
    for i in range(MOST_PATHS):
        row, name = PATHS + i, options.slots[i]
        role = ("the path", "against", *["also"] * (MOST_PATHS - 2))[i]
        page.put(row, 0, role, kind="label")
        page.input(row, 1, ("in_path", "in_against")[i] if i < 2 else "", name, choices)
        page.input(row, 2, "", options.weights.get(name or ""), form=SHARE)
        cell, found = address(row, 1, True), address(row, 5, True)
        known = Tables(page.draft, NAME).at(
            f'RUSSELL_SCENARIO({cell},"relative","all",,in_as_of)', {"stat": "scenario"}, "value"
        )
        # an alias such as goldman is a path too: the function says which
        page.put(row, 5, f'=IF({cell}="","",IFERROR({known}&"","{UNKNOWN}"))', kind="note")
        place = f"MATCH({found},{ids},0)"
        named = f'IF(INDEX({labels},{place})="",{found},INDEX({labels},{place}))'
        page.put(row, 3, f'=IF({cell}="","",IFERROR({named},"unknown path: choose from the list"))')
        page.put(row, 4, f'=IF({cell}="","",IFERROR(IF(INDEX({days},{place})=0,"",INDEX({days},{place})),""))', DATE)
    page.put(PATHS - 1, 5, "its name", kind="note")
    page.draft.names["IN_WEIGHTS"] = f"={NAME}!{block}"
    page.draft.book.define_name("in_weights", f"={NAME}!{block}")
    page.put(LIBRARY - 2, 0, "Paths to choose from; your own go into scenarios.toml (docs/own-data.md).",
             kind="label", align="left")  # fmt: skip
    page.row(LIBRARY - 1, 1, ["path", "written", "what it is called", "direction"], "head")
    for i, path in enumerate(library):
        page.put(LIBRARY + i, 1, path.id, literal=True)
        if path.dated is not None:
            page.put(LIBRARY + i, 2, path.dated, DATE)
        page.put(LIBRARY + i, 3, path.label, literal=True)
        page.put(LIBRARY + i, 4, path.direction or "", kind="text", literal=True, text_wrap=True, font_size=9)
        page.sheet.set_row(LIBRARY + i, 25 if len(path.direction or "") > _DIRECTION else 15)
