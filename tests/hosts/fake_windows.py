"""The real xlwings code (udfs.py, com_server.py, import_udfs) on any system; pywin32 and ctypes.windll are stubbed.

Run as a program: reads calls as JSON lines ``[name, [argument, ...]]`` and prints ``{"value": ...}``, what
``XLPython.CallUDF`` gives VBA, by the rules of variants.py, or ``{"com_error": ..., "text": ...}``: what pywin32 makes
of an exception that leaves the server.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import ctypes
import datetime as dt
import importlib
import json
import locale
import platform
import subprocess
import sys
import tempfile
import types
import uuid
from typing import Any

import numpy

from tests.hosts.variants import from_variant, to_variant
from xl_smallcap.hosts.excel.loader import LEAN_IMPORT

BEFORE = (asyncio, concurrent.futures, locale, platform, subprocess, tempfile, uuid, numpy)
"""Imported before the platform is changed, because they look at it."""

RANGE_ID = "{00020846-0000-0000-C000-000000000046}"
DISPATCH_ID = "{00020400-0000-0000-C000-000000000046}"
E_FAIL = -2147467259


class ComError(Exception):
    hresult = 0


class Anything:
    def __getattr__(self, name: str) -> Anything:
        return Anything()

    def __call__(self, *arguments: object, **named: object) -> int:
        return 0


class Ole:
    """What is_range_instance() asks an argument."""

    def __init__(self, iid: str) -> None:
        self.iid = iid

    def GetTypeInfo(self) -> Ole:
        return self

    def GetTypeAttr(self) -> Ole:
        return self

    def GetDocumentation(self, index: int) -> tuple[str]:
        return ("Range",)


def _module(name: str, **content: object) -> types.ModuleType:
    made = types.ModuleType(name)
    made.__dict__.update(content, __path__=[])
    sys.modules[name] = made
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, made)
    return made


def upper(text: object) -> str:
    return str(text).upper()


def install() -> types.ModuleType:
    """Import xlwings as if this were Windows with pywin32."""
    _module("pywintypes", com_error=ComError, error=ComError, IID=upper, TimeType=dt.datetime)
    com = _module(
        "pythoncom", CoInitialize=lambda *a: None, CoUninitialize=lambda: None, IID_IDispatch=upper(DISPATCH_ID),
        IID_IEnumVARIANT="ENUM", TypeIIDs={upper(DISPATCH_ID): Ole}, com_error=ComError, ole_error=ComError,
        VT_ERROR=10, CoMarshalInterThreadInterfaceInStream=lambda iid, o: o,
        CoGetInterfaceAndReleaseStream=lambda s, iid: s,
    )  # fmt: skip
    com.__file__ = "pythoncom"
    for name in ("win32api", "win32con", "win32gui", "win32event"):
        _module(name)
    _module("win32process", GetWindowThreadProcessId=lambda h: (1, 4242))
    _module("win32timezone", TimeZoneInfo=types.SimpleNamespace(utc=lambda: dt.UTC))
    _module("win32com")
    empty = type("CDispatch", (), {})
    _module(
        "win32com.client", CDispatch=empty, DispatchBaseClass=type("D", (), {}), CoClassBaseClass=type("C", (), {}),
        Dispatch=lambda o, **k: o, DispatchEx=lambda o, **k: o,
        gencache=types.SimpleNamespace(EnsureModule=lambda *a, **k: None),
    )  # fmt: skip
    _module("win32com.server")
    _module("win32com.server.dispatcher")
    _module("win32com.server.policy", DefaultPolicy=object)

    def unwrap(value: Any) -> Any:
        raise ComError("not wrapped")

    _module("win32com.server.util", unwrap=unwrap, wrap=lambda o, iid=None: types.SimpleNamespace(_wrapped=o))
    before = ctypes.PyDLL, atexit.register, sys.platform
    here: Any = ctypes
    here.windll = here.oledll = Anything()
    prototype = types.SimpleNamespace(PyCom_PyObjectFromIUnknown=types.SimpleNamespace(restype=None))
    here.PyDLL = lambda *a, **k: prototype
    atexit.register = lambda f, *a, **k: f  # type: ignore[assignment]  # no exit hook that calls tasklist
    sys.platform = "win32"
    try:
        importlib.import_module(LEAN_IMPORT)
        import xlwings
        import xlwings._xlwindows
        import xlwings.com_server
        import xlwings.udfs
    finally:
        here.PyDLL, atexit.register, sys.platform = before
    made: types.ModuleType = xlwings
    return made


class Components:
    """VBComponents of a workbook, enough for import_udfs."""

    def __init__(self) -> None:
        self.imported: list[str] = []

    def __call__(self, name: str) -> None:
        raise ComError(name)

    def Remove(self, component: object) -> None:
        raise AssertionError("nothing to remove")

    def Import(self, path: str) -> None:
        with open(path, encoding="utf-8") as handle:  # noqa: PTH123 - as xlwings hands it over
            self.imported.append(handle.read())


class Workbook:
    """A workbook, enough for import_udfs."""

    def __init__(self) -> None:
        self.Name = "desk.xlsm"
        self.Sheets: list[object] = []
        self.Worksheets: list[object] = []
        self.options: list[dict[str, Any]] = []
        self.VBProject = types.SimpleNamespace(VBComponents=Components())
        self.Application = types.SimpleNamespace(
            Version="16.0", MacroOptions=lambda name, **k: self.options.append({"name": name, **k})
        )


def _called(server: Any, name: str, arguments: list[Any]) -> dict[str, Any]:
    try:
        answer = server.CallUDF("xl_smallcap.hosts.excel.udfs", name, tuple(map(from_variant, arguments)))
        return {"value": to_variant(answer)}
    except Exception as exc:  # as pywin32's dispatcher: whatever leaves the server is E_FAIL, the server lives on
        return {"com_error": E_FAIL, "text": f"Unexpected Python Error: {type(exc).__name__}: {exc}"}


def main() -> None:
    assert BEFORE
    install()
    xlwings: Any = sys.modules["xlwings"]
    com_server, udfs = xlwings.com_server, xlwings.udfs

    server = com_server.XLPython()
    for line in sys.stdin:
        name, arguments = json.loads(line)
        if name == "import_udfs":
            book = Workbook()
            with contextlib.redirect_stdout(sys.stderr):
                udfs.import_udfs("xl_smallcap.hosts.excel.udfs", book)
            reply: Any = {"value": {"vba": book.VBProject.VBComponents.imported[0], "options": book.options}}
        else:
            reply = _called(server, name, arguments)
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
