"""The per-user settings file xlwings' loader reads, and whether its DLL can be found."""

from __future__ import annotations

import importlib.metadata
import struct
import sys
from pathlib import Path, PureWindowsPath

from xl_smallcap.data.atomic import write_atomic
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.hosts.excel.loader import PROJECT_NAME


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
