"""Drives a headless office. Runs under LibreOffice's Python: standard library and UNO only."""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time

import uno
import unohelper
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException
from com.sun.star.table import CellAddress
from com.sun.star.task import XInteractionHandler
from com.sun.star.ucb import XCommandEnvironment


class Parent:
    """Who started us: its requests, and whether it is still there; and the office, which is ours to start and to end.

    It may be ended at any moment, also while the office is busy; then nobody else would end the office.
    """

    def __init__(self):
        started = json.loads(sys.stdin.readline() or "null")
        if started is None:  # ended before it could say what to start
            sys.exit(0)
        self.folder, self.gone, self.quitting = started["folder"], False, False
        own = {"start_new_session": True}
        if sys.platform == "win32":
            own = {"creationflags": 0x00000200}  # CREATE_NEW_PROCESS_GROUP
        nothing = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.office = subprocess.Popen(started["command"], env=started["environment"], **nothing, **own)
        self.lines = queue.Queue()
        for job in (self._listen, self._watch):
            threading.Thread(target=job, daemon=True).start()

    def _listen(self):
        for line in sys.stdin:
            self.lines.put(line)
        self.gone = True
        self.end()
        self.lines.put("")

    def _watch(self):
        """Go with an office that has ended by itself: whoever waits for its answer waits no longer."""
        self.office.wait()
        if not self.quitting and not self.gone:
            time.sleep(0.5)  # an answer may be on its way
            os._exit(1)

    def end(self):
        """End the office and all it has started."""
        if sys.platform == "win32":
            if self.office.poll() is None:
                command = ["taskkill", "/F", "/T", "/PID", str(self.office.pid)]
                subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        else:
            with contextlib.suppress(OSError):
                os.killpg(self.office.pid, signal.SIGKILL)


if __name__ == "__main__":
    ASKER = Parent()  # the office starts while what follows is imported


ERRORS = {32767: "#N/A", 503: "#NUM!", 519: "#VALUE!", 525: "#NAME?", 532: "#DIV/0!", 524: "#REF!", 521: "#NULL!"}
FILTERS = {"xlsx": "Calc MS Excel 2007 XML", "pdf": "calc_pdf_Export", "ods": "calc8"}
FORMULAS = 16  # com.sun.star.sheet.CellFlags.FORMULA
ERROR_RESULTS = 4  # com.sun.star.sheet.FormulaResult.ERROR


def _property(name, value):
    made = PropertyValue()
    made.Name, made.Value = name, value
    return made


class _Approve(unohelper.Base, XCommandEnvironment, XInteractionHandler):
    """Says yes when an extension asks to be installed."""

    def getInteractionHandler(self):
        return self

    def getProgressHandler(self):
        return None

    InteractionHandler = property(getInteractionHandler)
    ProgressHandler = property(getProgressHandler)

    def handle(self, request):
        wanted = uno.getTypeByName("com.sun.star.task.XInteractionApprove")
        for continuation in request.getContinuations():
            if continuation.queryInterface(wanted):
                continuation.select()
                return


def _connect(pipe, seconds, asker):
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    end = time.monotonic() + seconds
    while True:
        try:
            return resolver.resolve("uno:pipe,name=%s;urp;StarOffice.ComponentContext" % pipe)
        except NoConnectException:
            if time.monotonic() > end or asker.gone:
                raise
            time.sleep(0.05)


def _separators(formula):
    """Turn Excel's separators into those of Calc's interface: ; between arguments, {1;2|3;4} in arrays."""
    if not formula.startswith("="):
        return formula
    out, quoted, braces = [], False, 0
    for ch in formula:
        if ch == '"':
            quoted = not quoted
        elif not quoted:
            braces += (ch == "{") - (ch == "}")
            ch = {",": ";", ";": "|" if braces else ";"}.get(ch, ch)
        out.append(ch)
    return "".join(out)


class Driver:
    """The office's documents and what can be done with them."""

    def __init__(self, context):
        self.context = context
        self.desktop = context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
        self.documents = {}
        self.count = 0

    def _keep(self, document, what):
        if document is None:
            raise RuntimeError("LibreOffice could not open " + what)
        self.count += 1
        self.documents[self.count] = document
        return self.count

    def _sheet(self, document, sheet):
        sheets = self.documents[document].Sheets
        return sheets.getByIndex(sheet) if isinstance(sheet, int) else sheets.getByName(sheet)

    def new(self):
        hidden = (_property("Hidden", True),)
        return self._keep(
            self.desktop.loadComponentFromURL("private:factory/scalc", "_blank", 0, hidden), "a new sheet"
        )

    def open(self, path, hidden=True):
        hidden = (_property("Hidden", hidden),)
        url = uno.systemPathToFileUrl(path)
        return self._keep(self.desktop.loadComponentFromURL(url, "_blank", 0, hidden), path)

    def close(self, document):
        self.documents.pop(document).close(True)

    def save(self, document, path, kind):
        self.documents[document].storeToURL(uno.systemPathToFileUrl(path), (_property("FilterName", FILTERS[kind]),))

    def print_sheet(self, document, sheet, path):
        """Write the print area of one sheet as PDF."""
        worksheet = self._sheet(document, sheet)
        areas = worksheet.getPrintAreas()
        part = worksheet
        if areas:
            a = areas[0]
            part = worksheet.getCellRangeByPosition(a.StartColumn, a.StartRow, a.EndColumn, a.EndRow)
        chosen = uno.Any("[]com.sun.star.beans.PropertyValue", (_property("Selection", part),))
        wanted = (_property("FilterName", FILTERS["pdf"]), _property("FilterData", chosen))
        self.documents[document].storeToURL(uno.systemPathToFileUrl(path), wanted)

    def results(self, document):
        """What every formula cell shows, by sheet: blocks of [row, column, rows], from zero."""
        by_sheet = {}
        for sheet in self.documents[document].Sheets:
            blocks = []
            for part in sheet.queryContentCells(FORMULAS):
                place = part.RangeAddress
                shown = [list(row) for row in part.getDataArray()]
                for wrong in part.queryFormulaCells(ERROR_RESULTS):
                    inner = wrong.RangeAddress
                    for row in range(inner.StartRow, inner.EndRow + 1):
                        for column in range(inner.StartColumn, inner.EndColumn + 1):
                            code = sheet.getCellByPosition(column, row).getError()
                            shown[row - place.StartRow][column - place.StartColumn] = {
                                "error": ERRORS.get(code, "Err:%d" % code)
                            }
                blocks.append([place.StartRow, place.StartColumn, shown])
            by_sheet[sheet.Name] = blocks
        return by_sheet

    def sizes(self, document, formulas):
        """Rows and columns of what formulas give, each on its sheet; None where that cannot be told."""
        sizes = []
        for sheet, text in formulas:
            # as arrays of one cell, so that a range is not cut to the cell's own row
            rows, columns = (self._sheet(document, sheet).getCellRangeByName(a) for a in ("XFC1048575", "XFD1048575"))
            rows.setArrayFormula(_separators("=ROWS(%s)" % text))
            columns.setArrayFormula(_separators("=COLUMNS(%s)" % text))
            one, two = rows.getCellByPosition(0, 0), columns.getCellByPosition(0, 0)
            fine = one.getError() == 0 == two.getError() and one.Value >= 1 and two.Value >= 1
            sizes.append([one.Value, two.Value] if fine else None)
            rows.setArrayFormula("")
            columns.setArrayFormula("")
        return sizes

    def type(self, document, sheet, address, formulas):
        """Type formulas as in Excel (English names, arguments parted by commas) into a block at once."""
        typed = tuple(tuple(_separators(f) for f in row) for row in formulas)
        self._sheet(document, sheet).getCellRangeByName(address).setFormulaArray(typed)

    def type_array(self, document, sheet, address, formula):
        self._sheet(document, sheet).getCellRangeByName(address).setArrayFormula(_separators(formula))

    def formulas(self, document, sheet, address):
        return [list(r) for r in self._sheet(document, sheet).getCellRangeByName(address).getFormulaArray()]

    def read(self, document, sheet, address):
        """What the cells of a block show: numbers, texts, errors."""
        block = self._sheet(document, sheet).getCellRangeByName(address)
        shown = [list(row) for row in block.getDataArray()]
        top, left = block.RangeAddress.StartRow, block.RangeAddress.StartColumn
        for wrong in block.queryFormulaCells(ERROR_RESULTS):
            place = wrong.RangeAddress
            for row in range(place.StartRow, place.EndRow + 1):
                for column in range(place.StartColumn, place.EndColumn + 1):
                    code = block.getCellByPosition(column - left, row - top).getError()
                    shown[row - top][column - left] = {"error": ERRORS.get(code, "Err:%d" % code)}
        return shown

    def recalculate(self, document):
        """Calculate every formula anew, add-in functions included; returns the seconds it took."""
        began = time.perf_counter()
        self.documents[document].calculateAll()
        return time.perf_counter() - began

    def modified(self, document):
        """Whether closing it in a window would ask to save."""
        return self.documents[document].isModified()

    def pin(self, document, content):
        """Give a document the name RUSSELL_PIN."""
        names = self.documents[document].NamedRanges
        if names.hasByName("RUSSELL_PIN"):
            names.removeByName("RUSSELL_PIN")
        names.addNewByName("RUSSELL_PIN", content, CellAddress(), 0)

    def trigger(self, service, event):
        """Start a job as its menu entry does."""
        self.context.ServiceManager.createInstanceWithContext(service, self.context).trigger(event)

    def sheets(self, document):
        return list(self.documents[document].Sheets.ElementNames)

    def install(self, path):
        manager = self.context.getByName("/singletons/com.sun.star.deployment.ExtensionManager")
        channel = manager.createAbortChannel()
        added = manager.addExtension(uno.systemPathToFileUrl(path), (), "user", channel, _Approve())
        return added.getIdentifier().Value

    def remove(self, identifier):
        manager = self.context.getByName("/singletons/com.sun.star.deployment.ExtensionManager")
        manager.removeExtension(identifier, "", "user", manager.createAbortChannel(), _Approve())

    def quit(self):
        for document in list(self.documents.values()):
            document.close(True)
        self.documents.clear()
        with contextlib.suppress(Exception):  # the bridge breaks while the office goes; that is the wish
            self.desktop.terminate()


def _plain(value):
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value


def main():
    """Serve requests until the input ends; the office ends with us, whatever happens."""
    asker = ASKER
    try:
        _serve(asker)
    finally:
        asker.end()
        if asker.gone:
            for _ in range(20):  # files of an office that is just ending
                shutil.rmtree(asker.folder, ignore_errors=True)
                if not os.path.exists(asker.folder):
                    break
                time.sleep(0.1)


def _serve(asker):
    driver = Driver(_connect(sys.argv[1], float(sys.argv[2]), asker))
    print(json.dumps({"ok": "ready"}), flush=True)
    while True:
        line = asker.lines.get()
        if not line:
            return
        request = json.loads(line)
        asker.quitting = request["do"] == "quit"
        try:
            answer = {"ok": _plain(getattr(driver, request["do"])(*request["with"]))}
        except Exception as exc:  # every failure goes back to our process as a sentence
            answer = {"error": "%s: %s" % (type(exc).__name__, exc)}
        if asker.gone:
            return
        print(json.dumps(answer), flush=True)
        if asker.quitting:
            with contextlib.suppress(subprocess.TimeoutExpired):
                asker.office.wait(15)
            return


if __name__ == "__main__":
    main()
