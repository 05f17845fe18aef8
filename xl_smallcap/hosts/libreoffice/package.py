"""The add-in's package, generated from the one table, and its installation for this user."""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
import zipfile
from importlib import resources
from pathlib import Path
from xml.sax.saxutils import escape

from xl_smallcap.config import home_dir
from xl_smallcap.data.atomic import write_atomic
from xl_smallcap.functions import FUNCTIONS
from xl_smallcap.office.office import Office

EXTENSION_ID = "org.xlsmallcap.russell"
RDB = "xl_smallcap.rdb"
_STAMP = (2026, 1, 1, 0, 0, 0)


def method_name(function: str) -> str:
    """Return the UNO method of a worksheet function: RUSSELL_BETA is russellBeta."""
    head, *rest = function.lower().split("_")
    return head + "".join(part.capitalize() for part in rest)


def idl() -> str:
    """Return the UNO interface; every argument is ``any``, so that nothing is converted before we see it.

    Compiled to ``xl_smallcap.rdb`` by ``python -m tools.build_libreoffice``.
    """
    lines = []
    for f in FUNCTIONS:
        # Calc fills in the document itself, unseen by the user: its name RUSSELL_PIN says which snapshot answers.
        hidden = "[in] ::com::sun::star::beans::XPropertySet document"
        arguments = ", ".join([hidden, *(f"[in] any {p.name.replace('_', '')}" for p in f.parameters)])
        gives = "sequence< sequence< any > >" if f.spills else "any"
        lines.append(f"    {gives} {method_name(f.name)}( {arguments} );")
    body = "\n".join(lines)
    return (
        "// Generated from xl_smallcap.functions.FUNCTIONS by tools/build_libreoffice.py; do not edit.\n"
        "module org { module xlsmallcap {\n"
        f"interface XRussellFunctions : ::com::sun::star::uno::XInterface\n{{\n{body}\n}};\n"
        "service RussellFunctions { interface XRussellFunctions; };\n"
        "}; };\n"
    )


def _property(name: str, text: str) -> str:
    return f'<prop oor:name="{name}"><value xml:lang="en">{escape(text)}</value></prop>'


def calc_addins_xcu() -> str:
    """Return the configuration that names functions and arguments in Calc's wizard and in .xlsx files."""
    out = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<oor:component-data xmlns:oor="http://openoffice.org/2001/registry" '
        'xmlns:xs="http://www.w3.org/2001/XMLSchema" oor:name="CalcAddIns" oor:package="org.openoffice.Office">',
        '<node oor:name="AddInInfo"><node oor:name="org.xlsmallcap.RussellFunctions" oor:op="replace">'
        '<node oor:name="AddInFunctions">',
    ]
    for f in FUNCTIONS:
        out.append(f'<node oor:name="{method_name(f.name)}" oor:op="replace">')
        out.append(_property("DisplayName", f.name) + _property("Description", f.help))
        out.append('<prop oor:name="Category"><value>Add-In</value></prop>')
        out.append(_property("CompatibilityName", f.name))
        out.append('<node oor:name="Parameters">')
        for p in f.parameters:
            out.append(
                f'<node oor:name="{p.name.replace("_", "")}" oor:op="replace">'
                + _property("DisplayName", p.name)
                + _property("Description", p.help)
                + "</node>"
            )
        out.append("</node></node>")
    out.append("</node></node></node></oor:component-data>")
    return "\n".join(out)


def addons_xcu() -> str:
    """Return the configuration of the menu Russell 2000 > Refresh data in Calc."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<oor:component-data xmlns:oor="http://openoffice.org/2001/registry" '
        'xmlns:xs="http://www.w3.org/2001/XMLSchema" oor:name="Addons" oor:package="org.openoffice.Office">'
        '<node oor:name="AddonUI"><node oor:name="OfficeMenuBar"><node oor:name="org.xlsmallcap.menu" oor:op="replace">'
        + _property("Title", "Russell 2000")
        + '<prop oor:name="Context"><value>com.sun.star.sheet.SpreadsheetDocument</value></prop>'
        '<node oor:name="Submenu"><node oor:name="m1" oor:op="replace">'
        '<prop oor:name="URL"><value>service:org.xlsmallcap.Refresh?refresh</value></prop>'
        + _property("Title", "Refresh data")
        + '<prop oor:name="Target"><value>_self</value></prop>'
        "</node></node></node></node></node></oor:component-data>"
    )


def jobs_xcu() -> str:
    """Return the configuration that starts our job when a document has been opened.

    OnLoad, the usual event, is not sent for a document opened without a window (seen with 25.2); OnLoadFinished always.
    """
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<oor:component-data xmlns:oor="http://openoffice.org/2001/registry" '
        'xmlns:xs="http://www.w3.org/2001/XMLSchema" oor:name="Jobs" oor:package="org.openoffice.Office">'
        '<node oor:name="Jobs"><node oor:name="org.xlsmallcap.OpenedJob" oor:op="replace">'
        '<prop oor:name="Service"><value>org.xlsmallcap.Opened</value></prop></node></node>'
        '<node oor:name="Events"><node oor:name="OnLoadFinished" oor:op="fuse"><node oor:name="JobList">'
        '<node oor:name="org.xlsmallcap.OpenedJob" oor:op="replace"/></node></node></node></oor:component-data>'
    )


_ENTRIES = {
    RDB: "application/vnd.sun.star.uno-typelibrary;type=RDB",
    "addin.py": "application/vnd.sun.star.uno-component;type=Python",
    "CalcAddIns.xcu": "application/vnd.sun.star.configuration-data",
    "Addons.xcu": "application/vnd.sun.star.configuration-data",
    "Jobs.xcu": "application/vnd.sun.star.configuration-data",
}


def _manifest() -> str:
    entries = "".join(
        f' <manifest:file-entry manifest:media-type="{kind}" manifest:full-path="{name}"/>\n'
        for name, kind in _ENTRIES.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<manifest:manifest xmlns:manifest="http://openoffice.org/2001/manifest">\n{entries}</manifest:manifest>\n'
    )


def _description(version: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<description xmlns="http://openoffice.org/extensions/description/2006">\n'
        f' <identifier value="{EXTENSION_ID}"/>\n <version value="{version}"/>\n'
        ' <display-name><name lang="en">xl_smallcap: Russell 2000 functions</name></display-name>\n'
        ' <platform value="all"/>\n</description>\n'
    )


def package_files(home: Path | None, python: str = sys.executable) -> dict[str, bytes]:
    """Return the files of the package."""
    from xl_smallcap._version import __version__

    here = resources.files("xl_smallcap.hosts.libreoffice")
    table = [
        {
            "name": f.name,
            "method": method_name(f.name),
            "help": f.help,
            "spills": f.spills,
            "parameters": [{"name": p.name, "help": p.help} for p in f.parameters],
        }
        for f in FUNCTIONS
    ]
    return {
        "META-INF/manifest.xml": _manifest().encode(),
        "description.xml": _description(__version__).encode(),
        "CalcAddIns.xcu": calc_addins_xcu().encode(),
        "Addons.xcu": addons_xcu().encode(),
        "Jobs.xcu": jobs_xcu().encode(),
        "functions.json": json.dumps(table, indent=1).encode(),
        "settings.json": json.dumps({"python": python, "home": str(home) if home else ""}).encode(),
        "addin.py": here.joinpath("addin.py").read_bytes(),
        RDB: here.joinpath(RDB).read_bytes(),
    }


def oxt(home: Path | None, python: str = sys.executable) -> bytes:
    """Return the extension as the bytes of an .oxt file; the same inputs give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in package_files(home, python).items():
            archive.writestr(zipfile.ZipInfo(name, _STAMP), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


# -- Install the add-in for this user, or write it to a file.


def user_profile() -> Path:
    """Return the folder of LibreOffice's ordinary user profile."""
    import platformdirs

    # LibreOffice keeps ~/.config/libreoffice/4, %APPDATA%\\LibreOffice\\4, ~/Library/Application Support/LibreOffice/4.
    base = Path(platformdirs.user_config_dir("libreoffice", appauthor=False, roaming=True))
    return base / "4"


def install(out: Path | None = None, profile: Path | None = None) -> list[str]:
    """Install the add-in into the user's LibreOffice; with `out` only write the .oxt.

    What was done and what to do next, a sentence each.
    """
    # A home folder set by hand goes into the package; otherwise each user's Python says where it is.
    content = oxt(home_dir() if "XL_SMALLCAP_HOME" in os.environ else None)
    if out is not None:
        write_atomic(out, content)
        return [f"Written: {out}. Install it in LibreOffice: Tools > Extensions > Add."]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "xl_smallcap.oxt"
        path.write_bytes(content)
        with Office(profile=profile or user_profile()) as office:
            office.do("install", str(path))
    return [
        f"The add-in {EXTENSION_ID} is installed for this user.",
        'Start LibreOffice Calc and type =RUSSELL_BETA("inflation").',
    ]
