"""The Calc add-in. Runs inside LibreOffice's own Python: standard library and UNO only, no mathematics.

Every worksheet function is a method made from ``functions.json`` (packed beside this file from the one table). A call
goes to our process on the loopback address; if none runs, it is started. A cell never waits long for a server that
cannot start: after a failed try there is a rest, and RUSSELL_WHY says what happened.
"""

import datetime
import hashlib
import hmac
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time

import unohelper
from com.sun.star.lang import Locale, XServiceInfo, XServiceName
from com.sun.star.sheet import LocalizedName, XAddIn, XCompatibilityNames
from com.sun.star.task import XJob, XJobExecutor
from org.xlsmallcap import XRussellFunctions

SERVICE = "org.xlsmallcap.RussellFunctions"
REFRESH = "org.xlsmallcap.Refresh"
OPENED = "org.xlsmallcap.Opened"
HERE = os.path.dirname(os.path.abspath(__file__))
START_SECONDS = 40.0
REST_SECONDS = 30.0
TROUBLE = (OSError, ValueError, KeyError, TypeError, struct.error, subprocess.SubprocessError)


def _read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as handle:
        return json.load(handle)


TABLE = _read("functions.json")  # [{"name", "method", "help", "parameters": [{"name", "help"}]}]
BY_METHOD = {entry["method"]: entry for entry in TABLE}
BY_NAME = {entry["name"]: entry for entry in TABLE}


def _read_exactly(link, size, deadline):
    parts = []
    while size:
        left = deadline - time.monotonic()
        if left <= 0:
            raise ConnectionError("the answer took too long")
        link.settimeout(left)
        part = link.recv(min(size, 65536))
        if not part:
            raise ConnectionError("the server closed the connection")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _exchange(link, content, seconds=600.0, largest=64 * 1024 * 1024):
    """One question and its answer, within a time for both and a size."""
    deadline = time.monotonic() + seconds
    link.settimeout(seconds)
    body = json.dumps(content).encode()
    link.sendall(struct.pack(">I", len(body)) + body)
    (size,) = struct.unpack(">I", _read_exactly(link, 4, deadline))
    if size > largest:
        raise ConnectionError("the answer is too large")
    return json.loads(_read_exactly(link, size, deadline))


def _proof(token, side, challenge, own):
    """As hosts/link.py has it: the token is never sent, and whoever does not know it is not believed."""
    return hmac.new(token.encode(), ("%s:%s:%s" % (side, challenge, own)).encode(), hashlib.sha256).hexdigest()


def _prove(link, token):
    challenge = os.urandom(16).hex()
    reply = _exchange(link, {"hello": challenge}, 5.0, 1024)
    own = str(reply["challenge"])
    if not hmac.compare_digest(str(reply["proof"]), _proof(token, "server", challenge, own)):
        raise ConnectionError("not our server")
    if not _exchange(link, {"proof": _proof(token, "client", challenge, own)}, 5.0, 1024)["ok"]:
        raise ConnectionError("not our server")


def _clean():
    """The environment without what LibreOffice sets for its own Python."""
    unwanted = ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "URE_BOOTSTRAP")
    return {k: v for k, v in os.environ.items() if k not in unwanted}


class Link:
    """The connection to our process, made when first needed and once more when it broke."""

    def __init__(self):
        self.lock = threading.Lock()
        self.socket = None
        self.rest_until = 0.0
        self.trouble = ""
        settings = _read("settings.json")
        self.python = os.environ.get("XL_SMALLCAP_PYTHON") or settings["python"]
        self.home = os.environ.get("XL_SMALLCAP_HOME") or settings["home"]

    def _find_home(self):
        """Ask our Python where this user's data are; the package itself may be shared by many users."""
        code = "from xl_smallcap.config import home_dir; print(home_dir())"
        process = subprocess.run(
            [self.python, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=False, env=_clean()
        )
        self.home = process.stdout.strip()
        if process.returncode or not self.home:
            raise ConnectionError(self.python + " cannot import xl_smallcap")

    def _connect(self):
        with open(os.path.join(self.home, "run", "server.json"), encoding="utf-8") as handle:
            address = json.load(handle)
        link = socket.create_connection(("127.0.0.1", address["port"]), timeout=5.0)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Whoever has the port of a server that was killed must not keep a cell waiting, nor be believed.
        try:
            _prove(link, address["token"])
        except BaseException:
            link.close()
            raise
        self.socket = link

    def _start(self):
        environment = _clean()
        environment["XL_SMALLCAP_HOME"] = self.home
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if sys.platform == "win32":
            quiet["creationflags"] = 0x08000000  # CREATE_NO_WINDOW
        else:
            quiet["start_new_session"] = True
        started = subprocess.Popen([self.python, "-P", "-m", "xl_smallcap.hosts.server"], env=environment, **quiet)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                return self._connect()
            except TROUBLE:
                if started.poll() not in (None, 0):
                    break
                time.sleep(0.05)
        raise ConnectionError("the server did not start with " + self.python)

    def ask(self, name, arguments, pin=None, first_day=0):
        request = {"calls": [[name, arguments]]}
        if pin:
            request["pin"] = pin
        if first_day:
            request["first_day"] = first_day
        return self.send(request)["answers"][0]

    def send(self, request):
        with self.lock:
            for fresh in (False, True):
                try:
                    if self.socket is None:
                        if time.monotonic() < self.rest_until:
                            raise ConnectionError(self.trouble)
                        if not self.home:
                            self._find_home()
                        try:
                            self._connect()
                        except TROUBLE:
                            self._start()
                    return _exchange(self.socket, request)
                except TROUBLE as exc:
                    self.socket = None
                    if fresh or time.monotonic() < self.rest_until:
                        self.trouble = str(exc)
                        self.rest_until = max(self.rest_until, time.monotonic() + REST_SECONDS)
                        raise ConnectionError(self.trouble) from None
        raise AssertionError("not reached")


LINK = Link()


def _plain(argument):
    """A range as rows, anything else as it is; what it means is decided in our process."""
    if isinstance(argument, tuple):
        return [[_plain(cell) for cell in row] if isinstance(row, tuple) else _plain(row) for row in argument]
    if argument is None or isinstance(argument, (bool, int, float, str)):
        return argument
    return None


def _error(number):
    """Calc keeps an error as a NaN that carries its number; this makes one (formula/errorcodes.hxx)."""
    return struct.unpack("<d", struct.pack("<II", number, 0x7FF80000))[0]


NOT_AVAILABLE, NUMERIC, NO_VALUE = _error(32767), _error(503), _error(519)


def _cell(value):
    if value is None:
        return NOT_AVAILABLE
    return float(value) if isinstance(value, (bool, int)) else value


def _pin(document):
    """The snapshot a document stays with: its name RUSSELL_PIN, a text or a cell; None follows the data."""
    try:
        names = document.getPropertyValue("NamedRanges")
        if not names.hasByName("RUSSELL_PIN"):
            return None
        name = names.getByName("RUSSELL_PIN")
    except Exception:  # a document that cannot be asked pins nothing
        return None
    # A pin that is there but cannot be read must not follow the data in silence: "?" is answered with an error.
    try:
        content = name.getContent().strip()
        if content.startswith('"') and content.endswith('"') and content.count('"') == 2:
            return content.strip('"') or "?"
        cells = name.getReferredCells()
        size = cells.getRangeAddress()
        if (size.StartRow, size.StartColumn) != (size.EndRow, size.EndColumn):
            return "?"
        return cells.getCellByPosition(0, 0).getString().strip() or "?"
    except Exception:
        return "?"


def _first_day(document):
    """The day a document counts from, as days since 1899-12-30: 1462 with the date system of 1904."""
    try:
        null = document.getPropertyValue("NullDate")
        return (datetime.date(null.Year, null.Month, null.Day) - datetime.date(1899, 12, 30)).days
    except Exception:  # no document, as when a job calls: the usual days
        return 0


class Tables:
    """The last few tables for a moment: a sheet that asks for a table cell by cell fetches it once.

    Not longer than the server itself believes that the data in use are the same.
    """

    SECONDS, MOST = 0.5, 8

    def __init__(self):
        self.kept = {}

    def find(self, key):
        stamp, table = self.kept.get(key, (0.0, None))
        return table if time.monotonic() - stamp < self.SECONDS else None

    def keep(self, key, table):
        if len(self.kept) >= self.MOST:
            self.kept.pop(min(self.kept, key=lambda k: self.kept[k][0]), None)
        self.kept[key] = (time.monotonic(), table)


TABLES = Tables()


def _answer(name, arguments, document=None):
    """The function's value, its rows, or the NaN of its error."""
    given = [_plain(a) for a in arguments]
    pin, first_day = _pin(document) or os.environ.get("XL_SMALLCAP_PIN"), _first_day(document)
    key = (name, repr(given), pin, first_day)
    table = TABLES.find(key)
    if table is not None:
        return table
    try:
        answer = LINK.ask(name, given, pin, first_day)
    except ConnectionError as exc:
        if name == "RUSSELL_WHY":
            return "The Python process of xl_smallcap cannot be reached: %s. Run 'xl-smallcap doctor'." % exc
        return NOT_AVAILABLE
    if "error" in answer:
        return {"#N/A": NOT_AVAILABLE, "#NUM!": NUMERIC}.get(answer["error"]["code"], NO_VALUE)
    if "table" in answer:
        table = tuple(tuple(_cell(v) for v in row) for row in answer["table"])
        TABLES.keep(key, table)
        return table
    return _cell(answer["value"])


def _method(entry):
    def method(self, document, *arguments):
        answer = _answer(entry["name"], arguments, document)
        return ((answer,),) if entry["spills"] and not isinstance(answer, tuple) else answer

    method.__name__ = entry["method"]
    method.__doc__ = entry["help"]
    return method


class RussellFunctions(unohelper.Base, XRussellFunctions, XAddIn, XCompatibilityNames, XServiceName, XServiceInfo):
    """The UNO component; the worksheet functions are added below."""

    def __init__(self, context, *arguments):
        self.locale = Locale("en", "US", "")

    def getServiceName(self):
        return SERVICE

    def getImplementationName(self):
        return SERVICE + ".Impl"

    def supportsService(self, name):
        return name in self.getSupportedServiceNames()

    def getSupportedServiceNames(self):
        return (SERVICE, "com.sun.star.sheet.AddIn")

    def setLocale(self, locale):
        self.locale = locale

    def getLocale(self):
        return self.locale

    def getProgrammaticFuntionName(self, display):
        return BY_NAME[display]["method"] if display in BY_NAME else ""

    def getDisplayFunctionName(self, method):
        return BY_METHOD[method]["name"] if method in BY_METHOD else ""

    def getFunctionDescription(self, method):
        return BY_METHOD[method]["help"] if method in BY_METHOD else ""

    def _parameter(self, method, index, what):
        index -= 1  # the first is the document, which nobody sees
        parameters = BY_METHOD.get(method, {"parameters": []})["parameters"]
        return parameters[index][what] if 0 <= index < len(parameters) else ""

    def getDisplayArgumentName(self, method, index):
        return self._parameter(method, index, "name")

    def getArgumentDescription(self, method, index):
        return self._parameter(method, index, "help")

    def getProgrammaticCategoryName(self, method):
        return "Add-In"

    def getDisplayCategoryName(self, method):
        return "Add-In"

    def getCompatibilityNames(self, method):
        return (LocalizedName(Locale("en", "US", ""), BY_METHOD[method]["name"]),) if method in BY_METHOD else ()


for _entry in TABLE:
    setattr(RussellFunctions, _entry["method"], _method(_entry))


class Refresh(unohelper.Base, XJobExecutor, XServiceInfo):
    """What the menu Russell 2000 > Refresh data starts: new data beside the office, then every sheet calculated."""

    def __init__(self, context, *arguments):
        self.context = context

    def trigger(self, event):
        threading.Thread(target=self._refresh, daemon=True).start()

    def _refresh(self):
        desktop = self.context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", self.context)
        bar = self._bar(desktop)
        try:
            state = LINK.send({"refresh": "start"})
            while state["running"]:
                if bar is not None:
                    bar.setText(state["text"])
                time.sleep(0.5)
                state = LINK.send({"refresh": "state"})
            text = state["text"]
        except ConnectionError as exc:
            text = "The Python process of xl_smallcap cannot be reached: %s. Run 'xl-smallcap doctor'." % exc
        TABLES.kept.clear()
        for document in _documents(desktop):
            document.calculateAll()
        if bar is not None:
            bar.setText(text)
            time.sleep(15)
            bar.end()

    def _bar(self, desktop):
        frame = desktop.getCurrentFrame()
        if frame is None:
            return None
        bar = frame.createStatusIndicator()
        bar.start("Refreshing ...", 0)
        return bar

    def supportsService(self, name):
        return name in self.getSupportedServiceNames()

    def getImplementationName(self):
        return REFRESH + ".Impl"

    def getSupportedServiceNames(self):
        return (REFRESH,)


def _documents(desktop):
    """The open spreadsheets."""
    documents, all_open = [], desktop.getComponents().createEnumeration()
    while all_open.hasMoreElements():
        document = all_open.nextElement()
        if hasattr(document, "calculateAll"):
            documents.append(document)
    return documents


class Opened(unohelper.Base, XJob, XServiceInfo):
    """Runs when a document has been opened: one with our functions is calculated whole.

    Calc calculates some formulas of a stored file anew (arrays) and shows the stored values of others. With data that
    are newer than the file one screen would show two snapshots.
    """

    def __init__(self, context, *arguments):
        pass

    def execute(self, arguments):
        try:
            given = {a.Name: a.Value for a in arguments}
            environment = {a.Name: a.Value for a in given.get("Environment") or ()}
            document = environment.get("Model")
            if os.environ.get("XL_SMALLCAP_OPEN_AS_STORED") == "1" or not hasattr(document, "calculateAll"):
                return None
            if any(_has_ours(sheet) for sheet in document.Sheets):
                changed = document.isModified()
                document.calculateAll()
                if not changed:
                    document.setModified(False)
        except Exception:  # a document that cannot be asked is opened as it is
            return None
        return None

    def supportsService(self, name):
        return name in self.getSupportedServiceNames()

    def getImplementationName(self):
        return OPENED + ".Impl"

    def getSupportedServiceNames(self):
        return (OPENED, "com.sun.star.task.Job")


def _has_ours(sheet):
    """Tell whether a sheet has a formula with a function of ours."""
    wanted = sheet.createSearchDescriptor()
    wanted.SearchString = "RUSSELL_"
    wanted.SearchType = 0  # in formulas
    cell = sheet.findFirst(wanted)
    while cell is not None:
        if cell.getFormula().startswith(("=", "{=")):
            return True
        cell = sheet.findNext(cell, wanted)
    return False


g_ImplementationHelper = unohelper.ImplementationHelper()
g_ImplementationHelper.addImplementation(Refresh, REFRESH + ".Impl", (REFRESH,))
g_ImplementationHelper.addImplementation(Opened, OPENED + ".Impl", (OPENED, "com.sun.star.task.Job"))
g_ImplementationHelper.addImplementation(RussellFunctions, SERVICE + ".Impl", (SERVICE, "com.sun.star.sheet.AddIn"))
