"""Build the macro workbook on the user's machine and tell Excel which Python answers."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from xl_smallcap.hosts.excel.attach import attach
from xl_smallcap.hosts.excel.settings import dll_folder, dll_names, write_settings
from xl_smallcap.workbooks.book import build_workbook, prepare

NAME = "xl_smallcap.xlsm"


def default_place() -> Path:
    """Return where the workbook goes: the user's documents."""
    import platformdirs

    return Path(platformdirs.user_documents_dir()) / NAME


def install(out: Path | None = None, profile: Path | None = None) -> list[str]:
    """Write xl_smallcap.xlsm, macros inside, and on Windows the settings file of this user.

    A workbook that is there already keeps its sheets; only its macros are brought up to date. What was done and what
    to do next, a sentence each.
    """
    target = out or default_place()
    if target.is_dir() or target.suffix.lower() != ".xlsm":
        target = target / NAME
    if target.exists():
        attach(target)
        told = [f"{target} is there already: its macros were brought up to date, its sheets left as they are."]
    else:
        prepare()
        with tempfile.TemporaryDirectory() as folder:
            source = build_workbook(Path(folder) / "xl_smallcap.xlsx", macros=True)
            attach(source, target)
        told = [f"Written: {target}"]
    if sys.platform == "win32" or profile is not None:
        told.append(f"Written: {write_settings(profile)}")
    else:
        told.append(
            "This is not Windows: the workbook is built, and each Windows user runs 'xl-smallcap excel install' once."
        )
    if sys.platform == "win32" and dll_folder(Path(sys.executable)) is None:
        told.append(
            f"But {dll_names()[0]} is not beside this Python, so Excel will not reach it: run 'xl-smallcap doctor'."
        )
    told.append("Open it in Excel, press 'Enable Content', and the formulas are live.")
    return told
