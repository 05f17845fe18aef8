"""The VBA a workbook needs: our module, generated from the table, and xlwings' own from the installed package."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from xl_smallcap.functions import FUNCTIONS, HELP_LIMIT, WorksheetFunction

PROJECT_NAME = "xl_smallcap"
"""Replaces xlwings' own in its module, so that our settings file never meets a desk's existing xlwings settings."""
MODULE = "xl_smallcap_udfs"
SERVER_MODULE = "xl_smallcap.hosts.excel.udfs"
CATEGORY = "Russell 2000"
_LONGEST_LINE, _MOST_CONTINUATIONS = 1023, 24
_WRAP = 118
_WORDS = """
addressof alias and any as base binary boolean byref byte byval call case cbool cbyte ccur cdate cdbl cdec cint
circle clng close const csng cstr currency cvar cverr date debug decimal declare dim do double each else elseif
empty end enum eqv erase error event exit explicit false fix for friend function get global gosub goto if imp
implements in input int integer is lbound let like line lock long loop lset me mid mod name new next not nothing
null object on open option optional or paramarray print private property public put raiseevent redim rem resume
return rset seek select set single static stop string sub tab then time timer to true type typeof ubound unlock
until variant wend while width with withevents write xor
"""
_RESERVED = frozenset(_WORDS.split())
_PLAIN = {"²": "2", "±": "+/-", "–": "-", "—": "-", "×": "x", "’": "'", "“": '"', "”": '"', "…": "...", "≥": ">="}


def _crlf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


def _literal(text: str) -> str:
    """A VBA string: plain ASCII reads the same in every code page; a character we did not foresee is an error."""
    for fancy, plain in _PLAIN.items():
        text = text.replace(fancy, plain)
    text = " ".join(text.split())
    text.encode("ascii")
    if len(text) > HELP_LIMIT:
        raise ValueError(f"help longer than {HELP_LIMIT}: {text[:40]}")
    return '"' + text.replace('"', '""') + '"'


def _statement(head: str, items: Sequence[str], tail: str) -> str:
    """``head a, b, c tail`` over continued lines, within VBA's limits."""
    lines, line = [], head
    for n, item in enumerate(items):
        piece = item + (", " if n < len(items) - 1 else tail)
        if len(line) + len(piece) > _WRAP and line.strip():
            lines.append(line.rstrip() + " _")
            line = " " * 8
        line += piece
    lines.append((line if items else head + tail).rstrip())
    if len(lines) - 1 > _MOST_CONTINUATIONS or max(map(len, lines)) > _LONGEST_LINE:
        raise ValueError(f"statement too long for VBA: {head[:60]}")
    return "\n".join(lines)


def _check_names(entry: WorksheetFunction) -> None:
    if not re.fullmatch(r"[A-Z][A-Z_]{3,200}", entry.name):
        raise ValueError(f"not a worksheet function name: {entry.name}")
    for p in entry.parameters:
        if not re.fullmatch(r"[a-z][a-z_]{0,39}", p.name) or p.name in _RESERVED:
            raise ValueError(f"VBA does not take '{p.name}' as an argument of {entry.name}")


def udf_module(functions: Sequence[WorksheetFunction] = FUNCTIONS) -> str:
    """Return our VBA module: a wrapper a function, one place for errors and retries, help for the function wizard.

    Parameters
    ----------
    functions : sequence of WorksheetFunction
        The table.

    Returns
    -------
    str
        ASCII, lines ended by CR LF.

    Raises
    ------
    ValueError
        A name or a length VBA does not take.
    """
    from xl_smallcap import __version__

    template = resources.files("xl_smallcap.hosts.excel").joinpath("template.bas").read_text(encoding="ascii")
    fills = {"module": MODULE, "version": __version__, "server": SERVER_MODULE, "category": CATEGORY}
    out = [re.sub(r"\{(\w+)\}", lambda m: fills[m.group(1)], template)]
    for f in functions:
        _check_names(f)
        out.append(
            _statement(
                f"Public Function {f.name}(", [f"Optional {p.name} As Variant" for p in f.parameters], ") As Variant"
            )
        )
        sent = [f"{'Moment' if p.is_date else 'Plain'}({p.name})" for p in f.parameters]
        out.append(_statement(f'    {f.name} = Ask("{f.name}", Array(', sent, "))"))
        out.append("End Function\n")
    out.append("' Help texts of the function wizard; runs when a person opens the workbook.")
    out.append(
        "Public Sub Auto_Open()\n    Dim saved As Boolean\n    saved = ThisWorkbook.Saved\n    On Error Resume Next"
    )
    out += [f"    Help{n}" for n in range(1, len(functions) + 1)]
    out.append("    ThisWorkbook.Saved = saved\nEnd Sub\n")
    for n, f in enumerate(functions, 1):
        out.append(f"Private Sub Help{n}()")
        head = f'    Describe "{f.name}", {_literal(f.help)}, '
        if f.parameters:
            out.append(_statement(head + "Array(", [_literal(p.help) for p in f.parameters], ")"))
        else:
            out.append(head + "Empty")
        out.append("End Sub\n")
    text = "\n".join(out)
    text.encode("ascii")
    return _crlf(text)


def xlwings_modules() -> dict[str, str]:
    """Return xlwings' standalone loader and its Dictionary class, read from the installed package.

    Returns
    -------
    dict of str to str
        ``xlwings`` (a standard module, its licence text kept) and ``Dictionary`` (a class).

    Raises
    ------
    RuntimeError
        The installed xlwings is not built as the versions we know.

    Notes
    -----
    Two lines differ from xlwings' own: PROJECT_NAME (it names the settings file) and ``Option Private Module`` (its
    helpers stay out of the function wizard).
    """
    import xlwings
    from pyopenvba import ExcelFile

    with ExcelFile(Path(xlwings.__file__).with_name("quickstart_standalone.xlsm")) as book:
        loader, dictionary = book.get_module("xlwings"), book.get_module("Dictionary")
    found = re.search(r'Public Const XLWINGS_VERSION As String = "([^"]+)"', loader)
    if found is None or found.group(1) != xlwings.__version__:
        has = found.group(1) if found else "none"
        raise RuntimeError(f"xlwings {xlwings.__version__} is installed but its VBA says {has}; reinstall xlwings.")
    loader, names = re.subn(r'(Public Const PROJECT_NAME As String = )"xlwings"', rf'\1"{PROJECT_NAME}"', loader)
    loader, heads = re.subn(
        r'\A(Attribute VB_Name = "xlwings"\r?\n)', lambda m: m.group(1) + "Option Private Module\r\n", loader
    )
    if (names, heads) != (1, 1):
        raise RuntimeError(f"The VBA of xlwings {xlwings.__version__} is not laid out as expected.")
    return {"xlwings": _crlf(loader), "Dictionary": _crlf(dictionary)}
