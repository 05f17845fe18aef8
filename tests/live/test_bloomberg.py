"""Bloomberg: our code against a stand-in for blpapi, with the answers the Desktop API documents."""

from __future__ import annotations

import datetime as dt
import importlib.machinery
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xl_smallcap.config import Settings
from xl_smallcap.data.catalogue import Catalogue
from xl_smallcap.data.history import export
from xl_smallcap.data.refresh import refresh
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, NoDataError

NOW = np.datetime64("2026-01-05T18:00", "m")
FIRST = dt.date(2024, 1, 1)
HISTORY = [{"date": FIRST + dt.timedelta(days=k), "PX_LAST": 4.0 + 0.001 * k} for k in range(700)]


class Terminal:
    """What stands behind the stand-in: whether it runs and what it answers, part by part."""

    runs = True
    service = True
    silent = False
    answers: tuple[dict[str, Any], ...] = ()
    asked: list[dict[str, Any]]


class _Element:
    def __init__(self, into: list[str]) -> None:
        self._into = into

    def appendValue(self, value: str) -> None:
        self._into.append(value)


class _Asked(dict[str, Any]):
    def getElement(self, name: str) -> _Element:
        return _Element(self.setdefault(name, []))

    def set(self, name: str, value: str) -> None:
        self[name] = value


class _Message:
    def __init__(self, content: dict[str, Any]) -> None:
        self._told = content

    def toPy(self) -> dict[str, Any]:
        return self._told


class _Event:
    TIMEOUT, PARTIAL_RESPONSE, RESPONSE, SESSION_STATUS = 1, 2, 3, 4

    def __init__(self, kind: int, messages: list[dict[str, Any]]) -> None:
        self._kind, self._told = kind, messages

    def eventType(self) -> int:
        return self._kind

    def __iter__(self) -> Iterator[_Message]:
        return iter([_Message(t) for t in self._told])


class _Session:
    def __init__(self, options: Any) -> None:
        self._next: list[_Event] = []

    def start(self) -> bool:
        return Terminal.runs

    def stop(self) -> None:
        self._next.clear()

    def openService(self, name: str) -> bool:
        assert name == "//blp/refdata"
        return Terminal.service

    def getService(self, name: str) -> Any:
        return types.SimpleNamespace(createRequest=lambda kind: _Asked(kind=kind))

    def sendRequest(self, request: _Asked) -> None:
        Terminal.asked.append(dict(request))
        self._next = [_Event(_Event.SESSION_STATUS, [{"SessionStarted": {}}])]
        for answer in Terminal.answers[:-1]:
            self._next.append(_Event(_Event.PARTIAL_RESPONSE, [answer]))
        self._next.append(_Event(_Event.RESPONSE, list(Terminal.answers[-1:])))

    def nextEvent(self, milliseconds: int) -> _Event:
        return _Event(_Event.TIMEOUT, []) if Terminal.silent else self._next.pop(0)


@pytest.fixture(autouse=True)
def _blpapi(monkeypatch: pytest.MonkeyPatch) -> None:
    class Options:
        def setServerHost(self, host: str) -> None:
            assert host == "localhost"

        def setServerPort(self, port: int) -> None:
            assert port == 8194

    module = types.ModuleType("blpapi")
    module.__spec__ = importlib.machinery.ModuleSpec("blpapi", None)
    module.__dict__.update(Session=_Session, SessionOptions=Options, Event=_Event)
    monkeypatch.setitem(sys.modules, "blpapi", module)
    monkeypatch.setattr(Terminal, "asked", [], raising=False)
    for name, value in (("runs", True), ("service", True), ("silent", False)):
        monkeypatch.setattr(Terminal, name, value)
    half = len(HISTORY) // 2
    whole = (
        {"securityData": {"security": "USGG2YR Index", "fieldData": part}} for part in (HISTORY[:half], HISTORY[half:])
    )
    monkeypatch.setattr(Terminal, "answers", tuple(whole))


def run(home: Path, catalogue: Catalogue, **more: Any) -> Any:
    settings = Settings(home=home, sources="bloomberg", timeout_seconds=0.2, retries=0, precompute=0, **more)
    return refresh(Store(home / "store"), catalogue, settings, lambda *_: None, only_series=["DGS2"], now=NOW)


def test_a_history_in_parts(tmp_path: Path, catalogue: Catalogue) -> None:
    report = run(tmp_path, catalogue)
    assert report.outcomes[0].outcome == "new"
    assert report.snapshot.series("DGS2").values.tolist() == [h["PX_LAST"] for h in HISTORY]
    (request,) = Terminal.asked
    assert request["kind"] == "HistoricalDataRequest"
    assert request["securities"] == ["USGG2YR Index"]
    assert request["fields"] == ["PX_LAST"]
    assert request["endDate"] == "20260105"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"securityData": {"securityError": {"category": "NO_AUTH", "subcategory": "", "message": "Not entitled"}}},
         "this Terminal is not entitled to these data (Not entitled)"),
        ({"responseError": {"category": "NO_AUTH", "message": "User not entitled to real-time data [nid:1234]"}},
         "Ask your Bloomberg representative"),
        ({"securityData": {"securityError": {"category": "BAD_SEC", "message": "Unknown/Invalid security"}}},
         "Bloomberg does not know this security (Unknown/Invalid security)"),
        ({"responseError": {"category": "LIMIT", "subcategory": "DAILY_LIMIT_REACHED", "message": "Daily limit"}},
         "the Terminal's data limit is reached"),
        ({"securityData": {"fieldExceptions": [{"fieldId": "PX_LAST", "errorInfo": {"category": "BAD_FLD",
                                                                                  "message": "Field not valid"}}]}},
         "Field not valid"),
        ({"securityData": {"fieldData": []}}, "no value of PX_LAST came"),
        ({"something": 1}, "has no 'securityData'; has the layout changed?"),
        ({"securityData": {"fieldData": [{"date": FIRST, "PX_LAST": "n.a."}]}}, "is not a number"),
    ],
)  # fmt: skip
def test_refusals_are_said_plainly(
    tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], says: str
) -> None:
    monkeypatch.setattr(Terminal, "answers", (answer,))
    outcome = run(tmp_path, catalogue).outcomes[0]
    assert outcome.outcome == "failed"
    assert says in outcome.told
    assert outcome.told.startswith("Bloomberg, USGG2YR Index: ")


def test_no_terminal(tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Terminal, "silent", True)
    assert "no answer within 0.2 seconds" in run(tmp_path, catalogue).outcomes[0].told
    monkeypatch.setattr(Terminal, "service", False)
    assert "Is the user logged in?" in run(tmp_path, catalogue).outcomes[0].told
    monkeypatch.setattr(Terminal, "runs", False)
    assert "no Terminal answers at localhost:8194" in run(tmp_path, catalogue).outcomes[0].told


def test_what_comes_from_a_terminal_stays_on_its_machine(
    tmp_path: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = run(tmp_path, catalogue)
    for inside in (False, True):
        with pytest.raises(NoDataError, match="no series of this snapshot may leave the house"):
            export(catalogue, report.snapshot, tmp_path / f"out{inside}", inside=inside)
    with pytest.raises(BadArgumentError, match="may not be put into a shared folder"):
        run(tmp_path / "shared", catalogue, shared_home=1)
    monkeypatch.delitem(sys.modules, "blpapi")
    with pytest.raises(BadArgumentError, match="needs its own package blpapi"):
        run(tmp_path / "none", catalogue)


def test_nobody_asks_a_terminal_unless_told_to(tmp_path: Path) -> None:
    assert "bloomberg" not in Settings(home=tmp_path).allowed_sources
