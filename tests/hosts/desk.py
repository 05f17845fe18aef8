"""Excel as our functions meet it: our VBA in an interpreter, COM's rules, the real xlwings CallUDF behind them."""

from __future__ import annotations

import re
from typing import Any

from pyopenvba.apps.excel import ExcelApplication
from pyopenvba.interpreter._values import EMPTY

from tests.hosts.conftest import Excel
from tests.hosts.excel_members import CONNECTED, forget
from xl_smallcap.hosts.excel.project import CLOSING, MODULE, closing_class, udf_module

_SERVER = """Public Function CallUDF(m, f, a, Optional wb, Optional caller)
    CallUDF = Application.ComCall(f, a)
End Function
"""
_LOADER = """Public starts As Long
Function XLPy()
    starts = starts + 1
    Set XLPy = New XLPyClass
End Function
Sub KillPy()
End Sub
Public Function At(v, i, j)
    At = v(i, j)
End Function
Public Function At1(v, i)
    At1 = v(i)
End Function
Public Function Kind(v) As String
    If IsError(v) Then
        Kind = CStr(v)
    Else
        Kind = TypeName(v)
    End If
End Function
Public Function Number(v) As Double
    Number = CDbl(v)
End Function
Public Function Spot(ByVal address As String) As Object
    Set Spot = ActiveWorkbook.Worksheets(1).Range(address)
End Function
"""


def workbook_with(server: str = _SERVER, loader: str = _LOADER) -> Any:
    """Our modules in a workbook of Excel's, and what stands for xlwings' loader and its COM object."""
    forget()
    made = ExcelApplication()
    made.add_workbook()
    # attributes of procedures are for VBA's compiler; the interpreter has no word for them
    made.add_module(re.sub(r"^Attribute RUSSELL_.*\r\n", "", udf_module(), flags=re.M), name=MODULE)
    # the interpreter knows no events: a test raises the one there is by calling its procedure
    watcher = (
        closing_class().replace("Private WithEvents", "Private").replace("Private Sub mExcel", "Public Sub mExcel")
    )
    made.add_module(watcher, name=CLOSING, kind="class")
    made.add_module(server, name="XLPyClass", kind="class")
    made.add_module(loader, name="loader")
    return made


def desk(excel: Excel) -> Any:
    """A workbook whose functions are answered by a process of the real xlwings."""
    made = workbook_with()
    CONNECTED["excel"] = excel
    return made


def uncalculated(app: Any, address: str, formula: str) -> None:
    """Leave a cell as Excel has it when it asks too early: a formula without a value."""
    book = app.workbooks()[0]
    area = book.sheets_[0].vba_get("Range", [address])
    area.vba_set("Formula", formula)
    area.vba_get("Value2")
    book.sheets_[0].cell(area.first.top, area.first.left).value = EMPTY
