"""Members Excel has and pyOpenVBA's interpreter lacks, added once for all tests; what they were told is kept here."""

from __future__ import annotations

from typing import Any

from pyopenvba.apps.excel._model import Application, Workbook
from pyopenvba.interpreter._objects import MemberSpec

HELP: list[Any] = []
TIMERS: list[str] = []
CALCULATED: list[int] = []


def _timer(self: Any, when: Any, macro: Any, *rest: Any) -> None:
    TIMERS.append(str(macro))


Application.vba_add_member(MemberSpec(name="CalculateFull", kind="method", getter=lambda self: CALCULATED.append(1)))
Application.vba_add_member(
    MemberSpec(
        name="MacroOptions",
        kind="method",
        getter=lambda self, *a: HELP.append(a),
        parameters=("Macro", "Description", "Category", "ArgumentDescriptions"),
    )
)
Application.vba_add_member(
    MemberSpec(name="OnTime", kind="method", getter=_timer, parameters=("EarliestTime", "Procedure"))
)
Workbook.vba_add_member(
    MemberSpec(name="Date1904", kind="property", getter=lambda self: getattr(self, "is1904", False))
)
ASKED: list[object] = []
"""Answers the next questions get."""
Application.vba_add_member(
    MemberSpec(
        name="InputBox",
        kind="method",
        getter=lambda self, prompt, title=None: ASKED.pop(0),
        parameters=("Prompt", "Title"),
    )
)
