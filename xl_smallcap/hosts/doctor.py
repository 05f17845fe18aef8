"""What stands between this machine and a working cell, and what to do about it."""

from __future__ import annotations

import ctypes
import importlib.metadata
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from xl_smallcap.config import load_settings
from xl_smallcap.errors import NoDataError, XlSmallcapError
from xl_smallcap.hosts.excel import loader as excel
from xl_smallcap.office import office
from xl_smallcap.session import current_session

Mark = Literal["ok", "note", "BAD"]
Registry = Callable[[str, str], Any]
"""From a key such as ``HKCU\\Software\\...`` and a value's name to the value, or None."""
Job = Callable[[], int | None]
"""The limit flags of the job object this process is in; None where it is in none."""
_OFFICE = "Microsoft\\Office\\16.0\\Excel\\Security"

_DEFENDER = "HKLM\\SOFTWARE\\{}Microsoft\\Windows Defender\\Windows Defender Exploit Guard\\ASR\\Rules"
_INTUNE = "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Defender\\Policy Manager"
_RULES = (
    ("D4F940AB-401B-4EFC-AADC-AD5F3C50688A", "Block all Office applications from creating child processes",
     "Python does not start"),
    ("92E97FA1-2EDF-4476-BDD6-9DD0B4DDDC7B", "Block Win32 API calls from Office macros", "the workbook is blocked"),
)  # fmt: skip
"""Rules of Microsoft Defender's attack surface reduction that concern us: id, name, what follows."""
_MAY_LEAVE = 0x800 | 0x1000
"""JOB_OBJECT_LIMIT_BREAKAWAY_OK and _SILENT_BREAKAWAY_OK."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is, and what to do where it should be otherwise."""

    mark: Mark
    what: str
    found: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the finding as JSON holds it."""
        return asdict(self)


def windows_registry(key: str, name: str) -> Any:
    """Read one registry value. None where there is none, or no registry."""
    try:
        import winreg
    except ImportError:
        return None
    root, _, path = key.partition("\\")
    registry: Any = winreg  # its types are known to checkers on Windows only
    roots = {
        "HKCU": registry.HKEY_CURRENT_USER,
        "HKLM": registry.HKEY_LOCAL_MACHINE,
        "HKCR": registry.HKEY_CLASSES_ROOT,
    }
    try:
        with registry.OpenKey(roots[root], path) as handle:
            return registry.QueryValueEx(handle, name)[0]
    except OSError:
        return None


class _BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION of Windows."""

    _fields_ = (
        ("process_time", ctypes.c_int64), ("job_time", ctypes.c_int64), ("flags", ctypes.c_uint32),
        ("least", ctypes.c_size_t), ("most", ctypes.c_size_t), ("processes", ctypes.c_uint32),
        ("affinity", ctypes.c_size_t), ("priority", ctypes.c_uint32), ("scheduling", ctypes.c_uint32),
    )  # fmt: skip


def windows_job() -> int | None:
    """Read the limits of the job object this process runs in.

    Its limit flags, 0 where they cannot be read; None where there is no job, or no Windows.
    """
    windows: Any = getattr(ctypes, "windll", None)
    if windows is None:
        return None
    inside, limits = ctypes.c_int(0), _BasicLimits()
    this_process = ctypes.c_void_p(-1)
    if not windows.kernel32.IsProcessInJob(this_process, None, ctypes.byref(inside)) or not inside.value:
        return None
    windows.kernel32.QueryInformationJobObject(None, 2, ctypes.byref(limits), ctypes.sizeof(limits), None)
    return int(limits.flags)


def _python() -> list[Finding]:
    version = platform.python_version()
    interpreter = f"{version}, {excel.bits()} bit, {sys.executable}"
    if "WindowsApps" in sys.executable + sys.base_prefix:
        return [
            Finding(
                "BAD",
                "Python",
                interpreter,
                "This is the Microsoft Store's Python, whose files Excel cannot load; install Python from python.org.",
            )
        ]
    packages = []
    for name in ("xl_smallcap", "xlwings", "numpy", "scipy", "XlsxWriter", "pyOpenVBA"):
        try:
            packages.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            packages.append(f"{name} missing")
    return [Finding("ok", "Python", interpreter), Finding("ok", "Packages", ", ".join(packages))]


def _data() -> list[Finding]:
    try:
        settings = load_settings()
        session = current_session()
        session.follow()
        assert session.catalogue
        snapshot = session.snapshot
        for name in snapshot.ids:
            snapshot.series(name)
    except XlSmallcapError as exc:
        empty = type(exc) is NoDataError  # what is damaged, or another account's, says in its sentence what helps
        advice = "Run 'xl-smallcap data load FOLDER', or 'data load sample' to try." if empty else ""
        return [Finding("BAD", "Data and settings", str(exc), advice)]
    advice = "These are not market data; load your own." if snapshot.synthetic else ""
    mark: Mark = "note" if snapshot.synthetic else "ok"
    return [Finding(mark, "Data", f"{snapshot.name}, {len(snapshot.ids)} series, in {settings.store_dir}", advice)]


def _excel(registry: Registry, job: Job) -> list[Finding]:
    path = registry("HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\App Paths\\excel.exe", "")
    if path is None:
        where = "on this machine" if sys.platform == "win32" else "(Excel's classic add-ins run on Windows only)"
        return [
            Finding("note", "Excel", f"not found {where}", "LibreOffice, the command line and Python work as well.")
        ]
    version = str(registry("HKCR\\Excel.Application\\CurVer", "") or "").rpartition(".")[2] or "unknown"
    bit = registry("HKLM\\SOFTWARE\\Microsoft\\Office\\ClickToRun\\Configuration", "Platform") or registry(
        "HKLM\\SOFTWARE\\Microsoft\\Office\\16.0\\Outlook", "Bitness"
    )
    findings = [Finding("ok", "Excel", f"version {version}, {bit or 'bitness unknown'}, {path}")]
    findings.append(_dll())
    findings.append(_settings_file())
    findings += _macros(registry)
    findings += _defender(registry)
    findings.append(_job(job()))
    return findings


def _rule(registry: Registry, guid: str) -> int | None:
    """The state of a rule of Defender's: by policy, by Intune, by this machine's own settings; 0 is off."""
    state = registry(_DEFENDER.format("Policies\\"), guid)
    if state is None:
        listed = re.search(rf"{guid}=(\d+)", str(registry(_INTUNE, "ASRRules") or ""), re.IGNORECASE)
        state = listed[1] if listed else registry(_DEFENDER.format(""), guid)
    return int(state) if str(state).isdigit() else None


def _defender(registry: Registry) -> list[Finding]:
    findings = []
    for guid, name, follows in _RULES:
        state, what = _rule(registry, guid), f"Defender: {name}"
        if state == 1:
            advice = (
                f"Ask IT for an exclusion for the workbook's folder or this Python, or work in LibreOffice: {follows}."
            )
            findings.append(Finding("BAD", what, "on", advice))
        elif state in (2, 6):
            said = "only recorded (audit)" if state == 2 else "warns, and the user may go on"
            findings.append(Finding("note", what, said, f"Where IT switches it to block, {follows}."))
    return findings or [Finding("ok", "Defender", "no rule seen that stops Excel from starting Python")]


def _job(flags: int | None) -> Finding:
    if flags is not None and not flags & _MAY_LEAVE:
        return Finding(
            "note",
            "Job object",
            "this command runs in one that lets no program leave it, as some Citrix and sandboxed sessions do",
            "If Excel runs in it too, =RUSSELL_WHY() says 'Access is denied' and Python does not start: ask IT to "
            "allow breakaway for Excel's job object, or work in LibreOffice.",
        )
    here = "none here" if flags is None else "programs may leave the one of this command"
    return Finding(
        "ok", "Job object", f"{here}; if =RUSSELL_WHY() says 'Access is denied', Excel runs in one of its own"
    )


def _dll() -> Finding:
    import xlwings

    folder = excel.dll_folder(Path(sys.executable), xlwings.__version__)
    if folder is None:
        return Finding(
            "BAD",
            "xlwings' DLL",
            f"{' and '.join(excel.dll_names(xlwings.__version__))} are not beside {sys.executable} nor one folder up",
            "Install into a virtual environment or a python.org Python, not with 'pip install --user'.",
        )
    return Finding("ok", "xlwings' DLL", f"version {xlwings.__version__} in {folder}")


def _settings_file() -> Finding:
    path = excel.settings_file()
    try:
        text = path.read_bytes().decode("mbcs" if sys.platform == "win32" else "cp1252")
    except OSError:
        return Finding("BAD", "Excel settings", f"{path} is missing", "Run 'xl-smallcap excel install' once.")
    named = re.search(r'"INTERPRETER_WIN","([^"]*)"', text)
    interpreter = named.group(1) if named else ""
    if Path(interpreter) != Path(sys.executable):
        return Finding(
            "BAD",
            "Excel settings",
            f"{path} names {interpreter or 'no Python'}, but this is {sys.executable}",
            "Run 'xl-smallcap excel install' with the Python Excel shall use.",
        )
    return Finding("ok", "Excel settings", f"{path} names this Python")


def _macros(registry: Registry) -> list[Finding]:
    findings = []
    policy = registry(f"HKCU\\Software\\Policies\\{_OFFICE}", "VBAWarnings")
    own = registry(f"HKCU\\Software\\{_OFFICE}", "VBAWarnings")
    level = policy if policy is not None else own
    said = {1: "all enabled", 2: "disabled with a notice", 3: "only signed ones", 4: "all disabled"}
    text = said.get(level, "disabled with a notice (Excel's default)")
    by = " by policy" if policy is not None else ""
    if level in (3, 4):
        advice = "Ask IT for a trusted location for the workbook, or have its VBA signed; see docs/deployment.md."
        findings.append(Finding("BAD", "Macros", text + by, advice))
    else:
        findings.append(Finding("ok", "Macros", text + by, "" if level == 1 else "Press 'Enable Content' once."))
    if registry(f"HKCU\\Software\\Policies\\{_OFFICE}", "blockcontentexecutionfrominternet") == 1:
        advice = "Build workbooks on this machine ('xl-smallcap excel install'); files from mail or web stay blocked."
        findings.append(Finding("note", "Macros of files from the internet", "blocked by policy", advice))
    return findings


def _workbook(book: Path) -> list[Finding]:
    import xlwings

    from xl_smallcap._version import __version__
    from xl_smallcap.hosts.excel.project import MODULE

    if not book.is_file():
        return [Finding("BAD", "Workbook", f"there is no {book}", "Give the path of a workbook.")]
    if book.suffix.lower() == ".xlsx":
        advice = (
            f"Run 'xl-smallcap excel attach {book.name}' for a copy with them, keep xl_smallcap.xlsm open beside it, "
            "or open it in LibreOffice."
        )
        return [Finding("note", "Workbook", f"{book.name} is an .xlsx and holds no functions of its own", advice)]
    if book.suffix.lower() not in (".xlsm", ".xlsb", ".xls", ".xlam"):
        return [Finding("BAD", "Workbook", f"{book.name} is no Excel workbook", "Give an .xlsx or .xlsm.")]
    from pyopenvba import ExcelFile

    try:
        with ExcelFile(book) as opened:
            names = opened.module_names()
            ours = opened.get_module(MODULE) if MODULE in names else ""
            theirs = opened.get_module("xlwings") if "xlwings" in names else ""
    except Exception as exc:  # any library error of a file we did not make: said, not raised
        return [Finding("BAD", "Workbook", f"{book.name} cannot be read ({exc})", "Give an .xlsm that 'attach' made.")]
    ours_version = (re.search(r"Generated by xl-smallcap (\S+):", ours) or [None, "none"])[1]
    theirs_version = (re.search(r'XLWINGS_VERSION As String = "([^"]+)"', theirs) or [None, "none"])[1]
    findings = []
    match = (ours_version, theirs_version) == (__version__, xlwings.__version__)
    said = f"{book.name}: xl_smallcap {ours_version}, xlwings {theirs_version}"
    advice = "" if match else f"Run 'xl-smallcap excel attach {book.name}' to bring its macros up to date."
    findings.append(Finding("ok" if match else "BAD", "Workbook versions", said, advice))
    try:
        zone = Path(f"{book}:Zone.Identifier").read_text(encoding="utf-8", errors="replace")
    except OSError:
        zone = ""
    if "ZoneId=3" in zone or "ZoneId=4" in zone:
        advice = "In Explorer: right click, Properties, tick Unblock; or build it on this machine."
        findings.append(
            Finding("BAD", "Workbook", "marked as coming from the internet, so its macros are blocked", advice)
        )
    return findings


def _libreoffice() -> Finding:
    try:
        soffice = office.find_soffice()
        version = office.version(soffice)
        said = f"{'.'.join(map(str, version)) or 'unknown version'}, {soffice}"
        if version[:2] < office.OLDEST:
            return Finding("note", "LibreOffice", said, "Version 25.2 or later is needed for the worksheet functions.")
        office.find_python(soffice)
    except XlSmallcapError as exc:
        return Finding("note", "LibreOffice", str(exc))
    return Finding("ok", "LibreOffice", said)


def examine(book: Path | None = None, registry: Registry = windows_registry, job: Job = windows_job) -> list[Finding]:
    """Look at Python, data, Excel, macros, LibreOffice and, if given, a workbook."""
    findings = [*_python(), *_data(), *_excel(registry, job), _libreoffice()]
    if book is not None:
        findings += _workbook(book)
    return findings
