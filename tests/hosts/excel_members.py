"""Members Excel has and pyOpenVBA's interpreter lacks, added once for all tests; what they were told is kept here."""

from __future__ import annotations

from typing import Any

from pyopenvba.apps.excel._model import Application, Workbook, Worksheet
from pyopenvba.interpreter._objects import MemberSpec, VBAObject
from pyopenvba.interpreter._values import EMPTY, VBAArray, VBADate, VBAErrorValue, error

from tests.hosts.conftest import ComError, Excel
from tests.hosts.variants import MISSING

HELP: list[Any] = []
TIMERS: list[str] = []
TAKEN_BACK: list[str] = []
CALCULATED: list[str] = []
"""Sheets whose cells were all made due (book!sheet), and sheets calculated by hand (book!sheet by hand)."""
ASKED: list[object] = []
"""Answers the next questions get."""
OPENED: list[str] = []
WIZARD = {"open": False, "looked": 0}
CONNECTED: dict[str, Excel] = {}
"""Under "excel": the process that answers Application.ComCall."""


def forget() -> None:
    """Start a test with nothing told."""
    for record in (HELP, TIMERS, TAKEN_BACK, CALCULATED, ASKED, OPENED):
        record.clear()
    WIZARD.update(open=False, looked=0)
    CONNECTED.clear()


def _timer(self: Any, when: Any, macro: Any, latest: Any = None, schedule: Any = True) -> None:
    (TIMERS if schedule is not False else TAKEN_BACK).append(str(macro))


def _full(self: Any) -> None:
    for book in self.workbooks_.books:
        CALCULATED.extend(f"{book.Name()}!{sheet.Name()}" for sheet in book.sheets_)


def _enabled(self: Any) -> bool:
    return bool(getattr(self, "enabled_", True))


def _enable(self: Any, value: Any) -> None:
    if value and not _enabled(self):
        CALCULATED.append(f"{_book_of(self)}!{self.Name()}")
    self.enabled_ = bool(value)


def _book_of(sheet: Any) -> str:
    return str(sheet.book.Name())


def _links(self: Any, kind: Any = None) -> object:
    links = getattr(self, "links_", [])
    return VBAArray([(1, len(links))], items=list(links)) if links else EMPTY


class _Control(VBAObject):  # type: ignore[misc]  # pyOpenVBA ships no types
    vba_type_name = "CommandBarControl"


class _Bar(VBAObject):  # type: ignore[misc]  # as above
    vba_type_name = "CommandBar"


def _bar(self: Any, name: Any) -> _Bar:
    assert name == "Standard", "the one name that is the same in every language"
    return _Bar()


def _enabled_control(self: Any) -> bool:
    WIZARD["looked"] += 1
    return not WIZARD["open"]


def to_com(value: Any) -> Any:
    """A value of VBA as a VARIANT on the wire (variants.py)."""
    if isinstance(value, VBAArray):
        if value.dimensions == 1:
            return [to_com(v) for v in value.items]
        (top, bottom), (left, right) = value.bounds
        return [[to_com(value.get([i, j])) for j in range(left, right + 1)] for i in range(top, bottom + 1)]
    if isinstance(value, VBADate):
        return {"date": value.serial}
    if isinstance(value, VBAErrorValue):
        return {"int": -2146828288 + value.number}
    if value is EMPTY or value is None:
        return None
    if isinstance(value, (str, bool, float)):
        return value
    if isinstance(value, int):
        return {"int": int(value)}
    return {"int": MISSING}


def from_com(wire: Any) -> Any:
    """A VARIANT on the wire as VBA has it."""
    if isinstance(wire, list) and wire and isinstance(wire[0], list):
        made = VBAArray([(0, len(wire) - 1), (0, len(wire[0]) - 1)])
        for i, row in enumerate(wire):
            for j, cell in enumerate(row):
                made.set([i, j], from_com(cell))
        return made
    if isinstance(wire, list):
        return VBAArray([(0, len(wire) - 1)], items=[from_com(v) for v in wire])
    if isinstance(wire, dict):
        return VBADate(wire["date"]) if "date" in wire else wire["int"]
    return EMPTY if wire is None else wire


def _com_call(self: Any, name: Any, arguments: Any) -> Any:
    try:
        return from_com(CONNECTED["excel"].ask(str(name), to_com(arguments)))
    except ComError as exc:
        raise error(exc.args[0], exc.args[1]) from None


def _add(kind: Any, name: str, getter: Any, parameters: tuple[str, ...] = (), **more: Any) -> None:
    kind.vba_add_member(
        MemberSpec(name=name, kind="method" if parameters else "property", getter=getter, parameters=parameters, **more)
    )


_add(Application, "CalculateFull", _full)
_add(Application, "MacroOptions", lambda self, *a: HELP.append(a),
     ("Macro", "Description", "Category", "ArgumentDescriptions"))  # fmt: skip
_add(Application, "OnTime", _timer, ("EarliestTime", "Procedure", "LatestTime", "Schedule"))
_add(Application, "InputBox", lambda self, prompt, title=None: ASKED.pop(0), ("Prompt", "Title"))
_add(Application, "CommandBars", _bar, ("Index",))
_add(Application, "ComCall", _com_call, ("Name", "Arguments"))
_add(_Bar, "Controls", lambda self, index: _Control(), ("Index",))
_add(_Control, "Enabled", _enabled_control)
_add(Workbook, "Date1904", lambda self: getattr(self, "is1904", False))
_add(Workbook, "LinkSources", _links, ("Type",))
_add(Worksheet, "EnableCalculation", _enabled, setter=_enable)

_calculate = Worksheet._vba_members["calculate"].getter


def _by_hand(self: Any) -> Any:
    CALCULATED.append(f"{_book_of(self)}!{self.Name()} by hand")
    return _calculate(self) if _calculate is not None else None


Worksheet._vba_members["calculate"].getter = _by_hand
