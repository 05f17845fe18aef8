"""Our VBA in a workbook: a module generated from the table of functions, and a class that watches the workbook close.

Nothing runs by itself when a workbook opens: help of the functions stands in attributes, help of their arguments is
registered when the ribbon's tab is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources

from xl_smallcap.functions import FUNCTIONS, HELP_LIMIT, WorksheetFunction

MODULE = "xl_smallcap_udfs"
CLOSING = "xl_smallcap_closing"
MARK = "xl_smallcap_functions"
"""A hidden name in each workbook that has our macros: VBA may not look for a module in another workbook."""
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
_CALLED = ("plain", "moment", "asshown", "ask")
"""Our own procedures that a function calls: an argument of that name would be taken for them."""
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
        if not re.fullmatch(r"[a-z][a-z_]{0,39}", p.name) or p.name in {*_RESERVED, *_CALLED}:
            raise ValueError(f"VBA does not take '{p.name}' as an argument of {entry.name}")


def _filled(name: str) -> str:
    from xl_smallcap._version import __version__

    fills = {
        "module": MODULE, "version": __version__, "server": SERVER_MODULE, "category": CATEGORY, "closing": CLOSING,
        "mark": MARK,
    }  # fmt: skip
    template = resources.files("xl_smallcap.hosts.excel").joinpath(name).read_text(encoding="ascii")
    return re.sub(r"\{([a-z]+)\}", lambda m: fills[m.group(1)], template)


def closing_class() -> str:
    """Return our class, which takes a timer back when its workbook closes. ASCII, lines ended by CR LF."""
    return _crlf(_filled("closing.cls"))


def udf_module(functions: Sequence[WorksheetFunction] = FUNCTIONS) -> str:
    """Return our VBA module: a wrapper a function, one place for errors and retries, help for the function wizard.

    ASCII, lines ended by CR LF.
    """
    out = [_filled("template.bas")]
    for f in functions:
        _check_names(f)
        out.append(
            _statement(
                f"Public Function {f.name}(", [f"Optional {p.name} As Variant" for p in f.parameters], ") As Variant"
            )
        )
        out.append(f"Attribute {f.name}.VB_Description = {_literal(f.help)}")
        sent = [f"{'Moment' if p.is_date else 'AsShown' if p.is_shocks else 'Plain'}({p.name})" for p in f.parameters]
        out.append(_statement(f'    {f.name} = Ask("{f.name}", Array(', sent, "))"))
        out.append("End Function\n")
    out.append(
        "' Category and argument helps for the wizard; where a workbook has a ribbon of its own, a person may run it."
    )
    out.append("Public Sub RUSSELL_DESCRIBE()\n    Dim saved As Boolean\n    saved = ThisWorkbook.Saved")
    out.append("    On Error Resume Next")
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
