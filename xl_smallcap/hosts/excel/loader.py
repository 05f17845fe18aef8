"""xlwings' side: what of its VBA we take from the installed package, and the settings file its loader reads."""

from __future__ import annotations

import importlib.metadata
import re
import struct
import sys
from pathlib import Path, PureWindowsPath

from xl_smallcap.data.atomic import write_atomic
from xl_smallcap.errors import BadArgumentError

PROJECT_NAME = "xl_smallcap"
"""Replaces xlwings' own in its module, so that our settings file never meets a desk's existing xlwings settings."""
MODULE = "xlwings"
LEAN_IMPORT = "xl_smallcap.hosts.excel.lean"
_ENTRIES = ("XLPy", "KillPy")
_KNOWN = {'App = "Microsoft Excel"': True, "Mac": False, "Not Mac": True}
"""Conditions that are decided here; the rest (VBA7, Win64) is Excel's to decide."""
_PROCEDURE = re.compile(r"^(?:Public |Private )?(?:Function|Sub) (\w+)\b.*?^End (?:Function|Sub)\n", re.M | re.S)
_DECLARE = re.compile(r"^[ \t]*(?:Private |Public )?Declare (?:PtrSafe )?Function (\w+) [^\n]*\n", re.M)
_EXPAND = """Function ExpandEnvironmentStrings(ByVal s As String)
    ' Expand %NAME%; a name that is not set stays as it is
    Dim first As Long, last As Long, value As String
    first = InStr(s, "%")
    Do While first > 0
        last = InStr(first + 1, s, "%")
        If last = 0 Then Exit Do
        value = ""
        If last > first + 1 Then value = Environ(Mid$(s, first + 1, last - first - 1))
        If value = "" Then
            first = last
        Else
            s = Left$(s, first - 1) & value & Mid$(s, last + 1)
            first = InStr(first + Len(value), s, "%")
        End If
    Loop
    ExpandEnvironmentStrings = s
End Function
"""
_FOLDER = """    PYTHONPATH = GetConfig("PYTHONPATH")
    If PYTHONPATH = "" Then PYTHONPATH = Environ("SystemRoot")
    PYTHONPATH = "False;;;;;;" & PYTHONPATH
"""
_CHANGES = (
    (r'(Public Const PROJECT_NAME As String = )"xlwings"', rf'\1"{PROJECT_NAME}"', 1),
    (r'\A(Attribute VB_Name = "xlwings"\n)', r"\1Option Private Module\n", 1),
    (r' +PYTHONPATH = AddExcelDir & ";" & ThisWorkbook\.FullName[^\n]*\n', lambda _: _FOLDER, 1),
    (r' +AddExcelDir = GetConfig\([^\n]*\n', "", 1),
    (r'(" )-B -c (""import sys, os;)', rf"\1-P -B -c \2import {LEAN_IMPORT};", 1),
    (r'"cmd\.exe " & ConsoleSwitch & " /K "',
     r'Environ("SystemRoot") & "\\System32\\cmd.exe " & ConsoleSwitch & " /C "', 2),
)  # fmt: skip
"""What is looked for, what takes its place, how often."""


class LoaderError(RuntimeError):
    """The installed xlwings is not built as the versions we know."""


def installed_source() -> str:
    """Return xlwings' standalone module as the installed package has it. VBA, lines ended by LF."""
    import xlwings
    from pyopenvba import ExcelFile

    with ExcelFile(Path(xlwings.__file__).with_name("quickstart_standalone.xlsm")) as book:
        source = str(book.get_module(MODULE)).replace("\r\n", "\n").replace("\r", "\n")
    match = re.search(r'Public Const XLWINGS_VERSION As String = "([^"]+)"', source)
    if match is None or match.group(1) != xlwings.__version__:
        has = match.group(1) if match else "none"
        raise LoaderError(f"xlwings {xlwings.__version__} is installed but its VBA says {has}; reinstall xlwings.")
    return source


def _decided(source: str) -> str:
    """Drop what another system or another program than Excel would compile."""
    out: list[str] = []
    stack: list[tuple[bool | None, bool]] = []  # None: not ours to decide; whether its lines are kept
    for line in source.splitlines(keepends=True):
        directive = re.match(r"\s*#(If|ElseIf|Else|End If|Const)\b\s*(.*?)\s*(?:Then)?\s*(?:'.*)?$", line.rstrip("\n"))
        word, condition = directive.groups() if directive else ("", "")
        if word == "If":
            value = _KNOWN.get(condition)
            stack.append((value, value is not False))
            keep = value is None
        elif word in ("ElseIf", "Else") and stack[-1][0] is not None:
            taken, _ = stack[-1]
            now = not taken and (word == "Else" or _KNOWN.get(condition, False))
            stack[-1] = (taken or now, now)
            keep = False
        elif word == "End If":
            keep = stack.pop()[0] is None
        elif word == "Const":
            keep = False
        else:
            keep = True
        if keep and all(kept for _, kept in stack):
            out.append(line)
    return "".join(out)


def trimmed(source: str) -> str:
    """Return the part of xlwings' module that XLPy and KillPy need, with our changes."""
    text = _decided(source)
    procedures = {m.group(1): m.group(0) for m in _PROCEDURE.finditer(text)}
    head = text[: min(m.start() for m in _PROCEDURE.finditer(text))]
    procedures["ExpandEnvironmentStrings"] = _EXPAND
    needed, waiting = set[str](), list(_ENTRIES)
    while waiting:
        name = waiting.pop()
        if name not in procedures:
            raise LoaderError(f"The VBA of the installed xlwings has no procedure {name}.")
        needed.add(name)
        words = set(re.findall(r"\w+", procedures[name]))
        waiting += [other for other in procedures if other in words and other not in needed]
    body = "\n".join(procedures[name] for name in procedures if name in needed)
    used = set(re.findall(r"\w+", body))
    head = _DECLARE.sub(lambda m: m.group(0) if m.group(1) in used else "", head)
    text = re.sub(r"\n{3,}", "\n\n", head + body)
    for pattern, put, times in _CHANGES:
        text, made = re.subn(pattern, put, text)
        if made != times:
            raise LoaderError(
                f"The VBA of the installed xlwings is not laid out as expected ({pattern}, {made} times)."
            )
    return text


def loader() -> str:
    """Return the module of VBA that loads xlwings' DLL and starts Python.

    VBA, its licence text kept, lines ended by CR LF.
    """
    return trimmed(installed_source()).replace("\n", "\r\n")


# -- The per-user settings file xlwings' loader reads, and whether its DLL can be found.


def settings_file(profile: Path | None = None) -> Path:
    r"""Return where the loader looks: %USERPROFILE%\.xl_smallcap\xl_smallcap.conf."""
    return (profile or Path.home()) / f".{PROJECT_NAME}" / f"{PROJECT_NAME}.conf"


def settings_text(interpreter: str) -> str:
    """Return the settings: which Python answers, and nothing from the workbook's folder or from the current one.

    xlwings puts PYTHONPATH first into ``sys.path``, and an empty one is the current folder, in which any file can
    shadow a module. So the interpreter's own folder stands there: it never moves and holds no module.
    """
    if '"' in interpreter:
        raise BadArgumentError(f"The path of Python holds a quotation mark, which Excel cannot read: {interpreter}")
    rows = {
        "INTERPRETER_WIN": interpreter,
        "ADD_WORKBOOK_TO_PYTHONPATH": "False",
        "PYTHONPATH": str(PureWindowsPath(interpreter).parent)
        if "\\" in interpreter
        else str(Path(interpreter).parent),
        "CONDA PATH": "",
        "CONDA ENV": "",
        "DEBUG UDFS": "False",
        "SHOW CONSOLE": "False",
    }
    return "".join(f'"{key}","{value}"\r\n' for key, value in rows.items())


def write_settings(profile: Path | None = None, interpreter: str = sys.executable) -> Path:
    """Write the settings file for this user."""
    path = settings_file(profile)
    page = "mbcs" if sys.platform == "win32" else "cp1252"
    try:
        content = settings_text(interpreter).encode(page, errors="strict")
    except UnicodeEncodeError:
        raise BadArgumentError(
            f"The path of Python has letters outside this machine's code page: {interpreter}. Install Python in a "
            "folder with plain letters."
        ) from None
    write_atomic(path, content)
    return path


def dll_names(version: str | None = None) -> tuple[str, str]:
    """Return the DLL names of an xlwings version, 64 and 32 bit."""
    version = version or importlib.metadata.version("xlwings")
    return f"xlwings64-{version}.dll", f"xlwings32-{version}.dll"


def dll_folder(interpreter: Path, version: str | None = None) -> Path | None:
    """Return where the loader will find xlwings' DLLs: the interpreter's folder, then its parent."""
    for folder in (interpreter.parent, interpreter.parent.parent):
        if all((folder / name).is_file() for name in dll_names(version)):
            return folder
    return None


def bits() -> int:
    """Return the bitness of this Python, 64 or 32."""
    return struct.calcsize("P") * 8
