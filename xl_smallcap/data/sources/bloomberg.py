"""Bloomberg through the Desktop API (blpapi), an optional extra: daily history on the machine of a Terminal.

What comes stays on this machine: the licence of every such series is "terminal", exports leave it out, and a home
folder that is shared refuses it. Only used where the setting ``sources`` names bloomberg.
"""

from __future__ import annotations

import datetime as dt
from importlib.util import find_spec
from typing import Any

import numpy as np

from xl_smallcap.config import Settings
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.sources.answer import Context, Fetched, Request
from xl_smallcap.errors import SourceError

FIELD = "PX_LAST"
_SERVICE = "//blp/refdata"
_FIRST = "19850101"
_ENTITLED = ("NO_AUTH", "NOT_AUTH", "ENTITLE", "NOT_APPLICABLE_TO_HIST_DATA_NO_AUTH", "PERMISSION")


def unusable(settings: Settings) -> str:
    """Say why Bloomberg cannot be asked. Empty where blpapi is installed and the home folder is one person's."""
    if settings.shared_home or str(settings.home).startswith("\\\\"):
        return "Bloomberg's data may not be put into a shared folder; set XL_SMALLCAP_HOME to one of this machine."
    if find_spec("blpapi") is None:
        return (
            "Bloomberg needs its own package blpapi: pip install blpapi "
            "--index-url=https://blpapi.bloomberg.com/repository/releases/python/simple/."
        )
    return ""


def fetch(request: Request, context: Context) -> list[dict[str, Any]]:
    """Bring the daily history of one security. ``date`` and a value a field."""
    import blpapi  # type: ignore[import-not-found]  # from Bloomberg's own index, on a Terminal's machine

    who = f"Bloomberg, {request.symbol}"
    host, _, port = context.settings.bloomberg_server.partition(":")
    options = blpapi.SessionOptions()
    options.setServerHost(host)
    options.setServerPort(int(port or 8194))
    session = blpapi.Session(options)
    try:
        if not session.start():
            raise SourceError(f"{who}: no Terminal answers at {host}:{port or 8194}. Is it running and logged in?")
        if not session.openService(_SERVICE):
            raise SourceError(f"{who}: the Terminal does not offer {_SERVICE}. Is the user logged in?")
        query = session.getService(_SERVICE).createRequest("HistoricalDataRequest")
        query.getElement("securities").appendValue(request.symbol)
        for field in request.fields:
            query.getElement("fields").appendValue(field or FIELD)
        query.set("startDate", _FIRST)
        query.set("endDate", str(context.now.astype("datetime64[D]")).replace("-", ""))
        query.set("periodicitySelection", "DAILY")
        session.sendRequest(query)
        return _answers(session, blpapi, who, context.settings.timeout_seconds)
    finally:
        session.stop()


def _answers(session: Any, blpapi: Any, who: str, timeout: float) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        event = session.nextEvent(int(timeout * 1000))
        if event.eventType() == blpapi.Event.TIMEOUT:
            raise SourceError(f"{who}: no answer within {timeout:g} seconds.")
        for message in event:
            if event.eventType() in (blpapi.Event.RESPONSE, blpapi.Event.PARTIAL_RESPONSE):
                rows += _rows(message.toPy(), who)
        if event.eventType() == blpapi.Event.RESPONSE:
            return rows


def _refusal(who: str, error: dict[str, Any]) -> SourceError:
    said = str(error.get("message", "no reason given")).strip().rstrip(".")
    kind = f"{error.get('category', '')} {error.get('subcategory', '')}".upper()
    if any(word in kind for word in _ENTITLED) or "entitle" in said.lower() or "permission" in said.lower():
        return SourceError(
            f"{who}: this Terminal is not entitled to these data ({said}). Ask your Bloomberg representative, or take "
            "another source."
        )
    if "BAD_SEC" in kind:
        return SourceError(f"{who}: Bloomberg does not know this security ({said}).")
    if "LIMIT" in kind:
        return SourceError(f"{who}: the Terminal's data limit is reached ({said}); it is reset daily or monthly.")
    return SourceError(f"{who}: {said}.")


def _rows(response: Any, who: str) -> list[dict[str, Any]]:
    if not isinstance(response, dict):
        raise SourceError(f"{who}: the answer is of another layout.")
    if "responseError" in response:
        raise _refusal(who, response["responseError"])
    security = response.get("securityData")
    if not isinstance(security, dict):
        raise SourceError(f"{who}: the answer has no 'securityData'; has the layout changed?")
    if "securityError" in security:
        raise _refusal(who, security["securityError"])
    for problem in security.get("fieldExceptions", []):
        raise _refusal(who, problem.get("errorInfo", {}))
    return list(security.get("fieldData", []))


def parse(raw: Any, request: Request) -> Fetched:
    """Read the rows of a history."""
    who = f"Bloomberg, {request.symbol}"
    series: dict[str, SeriesData] = {}
    for field in request.fields:
        rows = [(r["date"], r[field or FIELD]) for r in raw if r.get(field or FIELD) is not None and "date" in r]
        if not rows:
            raise SourceError(f"{who}: no value of {field or FIELD} came.")
        days = [d.date() if isinstance(d, dt.datetime) else d for d, _ in rows]
        try:
            series[field] = SeriesData.build(
                np.array(days, dtype="datetime64[D]"), np.array([float(v) for _, v in rows])
            )
        except (TypeError, ValueError):
            raise SourceError(f"{who}: a value of {field or FIELD} is not a number.") from None
    return Fetched(series)
