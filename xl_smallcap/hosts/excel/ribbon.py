"""The ribbon's tab: Refresh, As of, Pitch, Help, whose buttons call macros of our module.

Loading it registers the help of the functions' arguments and starts nothing else.
"""

from __future__ import annotations

import io
import zipfile
from xml.sax.saxutils import quoteattr

from xl_smallcap.hosts.excel import opc

PART = "customUI/customUI.xml"
_RELATION = "http://schemas.microsoft.com/office/2006/relationships/ui/extensibility"
_NEWER = "http://schemas.microsoft.com/office/2007/relationships/ui/extensibility"
_NAMESPACE = "http://schemas.microsoft.com/office/2006/01/customui"
BUTTONS = (
    ("refresh", "Refresh", "RefreshAll", "Fetch new data and calculate again",
     "Runs beside Excel, the status bar says how far it is. Calculation mode and selection stay as they are."),
    ("as_of", "As of", "CalendarInsert", "Set the day of the workbook",
     "Everything is calculated from what was known by then. Empty: the last date of the data."),
    ("pitch", "Pitch", "FileSaveAsPdfOrXps", "Write a pitch sheet",
     "One page with the numbers of the day, as a workbook beside this one."),
    ("help", "Help", "Help", "Every function with a live example",
     "Shows the sheet Functions, or says how to find why a cell is in error."),
)  # fmt: skip
"""Id, label, picture of Office's own, tip, longer tip; the macro is RUSSELL_RIBBON_ and the id in capitals."""


def ribbon_xml() -> bytes:
    """Return the ribbon's description. Custom UI of Office 2007 and later."""
    buttons = "".join(
        f'<button id="xlsc_{name}" label={quoteattr(label)} imageMso="{picture}" size="large" '
        f'onAction="RUSSELL_RIBBON_{name.upper()}" screentip={quoteattr(tip)} supertip={quoteattr(more)}/>'
        for name, label, picture, tip, more in BUTTONS
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n'
        f'<customUI xmlns="{_NAMESPACE}" onLoad="RUSSELL_RIBBON_LOADED"><ribbon><tabs>'
        f'<tab id="xlsc_tab" label="Russell 2000"><group id="xlsc_group" label="xl_smallcap">{buttons}</group></tab>'
        "</tabs></ribbon></customUI>"
    ).encode()


def ribbon_changes(root_relations: bytes, content_types: bytes) -> dict[str, bytes] | None:
    """Return what a package needs for the tab: changed and new parts.

    "relations", "types" and "ui"; None where the workbook has a ribbon of its own already.
    """
    found = opc.tags(root_relations)
    if any(t.attributes.get("Type", "") in (_RELATION, _NEWER) for t in found):
        return None
    used = {t.attributes.get("Id") for t in found}
    free = next(f"rId{n}" for n in range(1, len(used) + 2) if f"rId{n}" not in used)
    relation = f'<{found[0].prefix}Relationship Id="{free}" Type="{_RELATION}" Target="{PART}"/>'
    types = opc.tags(content_types)
    if not any(t.name == "Default" and t.attributes.get("Extension", "").lower() == "xml" for t in types):
        entry = f'<{types[0].prefix}Override PartName="/{PART}" ContentType="application/xml"/>'
        content_types = opc.before_end(content_types, entry)
    return {"relations": opc.before_end(root_relations, relation), "types": content_types, "ui": ribbon_xml()}


def with_ribbon(data: bytes) -> bytes:
    """Return a macro workbook with our tab brought up to date, or put into it where it has none.

    Every other part as it was.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        present = old.read(PART) if PART in old.namelist() else b""
        relations, types = old.read("_rels/.rels"), old.read("[Content_Types].xml")
    if b"xlsc_tab" in present:
        return opc.rewritten(data, {PART: ribbon_xml()})
    changes = ribbon_changes(relations, types)
    if changes is None:
        return data
    return opc.rewritten(
        data, {"_rels/.rels": changes["relations"], "[Content_Types].xml": changes["types"], PART: changes["ui"]}
    )
