"""iShares: what a fund holds, from its "holdings" download or a saved copy of it.

The file has a preamble (the fund's name, ``Fund Holdings as of,"Jun 27, 2026"`` and more), a header that begins with
Ticker, a row a holding with thousands separators, then a blank line and the disclaimer. IWM holds the Russell 2000, IVV
the S&P 500.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import PurePath
from typing import Any

import numpy as np

from xl_smallcap.data.cross_section import Holdings
from xl_smallcap.data.sources.answer import Context, Fetched, Request, needs_nothing
from xl_smallcap.data.sources.tables import not_a_page, read_values
from xl_smallcap.errors import SourceError
from xl_smallcap.types import FloatArray

FUNDS = {
    "IWM": ("239710", "ishares-russell-2000-etf", "Russell 2000"),
    "IVV": ("239726", "ishares-core-sp-500-etf", "S&P 500"),
}
"""Product number, name in the address, and what must stand in the fund's name."""
_DOWNLOAD = "1467271812596.ajax"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_AS_OF = re.compile(r"\s*\"?([A-Z][a-z]{2})[a-z]* (\d{1,2}), (\d{4})")
_NEEDED = ("Ticker", "Name", "Sector", "Asset Class", "Weight (%)")
_OPTIONAL = {"price": ("Price",), "quantity": ("Quantity", "Shares"), "market_value": ("Market Value",)}
_WEIGHTS = (95.0, 105.0)
_FEWEST = 30
_TITLE_WORDS = {"index", "etf", "fund", "trust", "ucits", "usd", "acc", "dist", "holdings", "iwm", "ivv"}
_OTHER = {"micro", "ex", "not"}


unusable = needs_nothing


def fetch(request: Request, context: Context) -> bytes:
    """Bring a fund's holdings file. CSV with its preamble."""
    number, slug, _ = FUNDS[request.symbol]
    url = f"{context.settings.ishares_url.rstrip('/')}/us/products/{number}/{slug}/{_DOWNLOAD}"
    query = {"fileType": "csv", "fileName": f"{request.symbol}_holdings", "dataType": "fund"}
    return context.client.get(url, query, f"iShares, {request.symbol}")


def parse(raw: Any, request: Request) -> Fetched:
    """Read a fetched file, which must say its fund and its day."""
    who = f"iShares, {request.symbol}"
    not_a_page(raw, who)
    holdings = read_holdings(raw, who, request.symbol)
    expected = FUNDS[request.symbol][2]
    head = raw[:300].decode("utf-8", "replace").lstrip("\ufeff").split("\n", 1)[0]
    if _fund_of_title(head.replace('"', "")) != request.symbol:
        raise SourceError(f"{who}: the file is about '{head.strip()[:60]}', not about a fund of the {expected}.")
    if np.isnat(holdings.as_of):
        raise SourceError(f"{who}: the file does not say of which day the holdings are.")
    return Fetched(holdings=holdings)


def is_holdings(raw: bytes) -> bool:
    """Tell whether the bytes of a file look like a holdings file."""
    head = raw[:4000].decode("utf-8", "replace").replace('"', "")
    return re.search(r"(?:^|\n|\ufeff)Ticker,Name,", head) is not None and "Weight (%)" in head


def fund_of(file: str) -> str:
    """Return the fund a saved file is of, from its name: iwm_holdings.csv is IWM."""
    return re.split(r"[_\-. ]", PurePath(file).stem)[0].upper()


def fund_in(raw: bytes, file: str, named: str | None = None) -> str:
    """Return the fund a saved file says it is of; where its preamble says nothing, the one its name says."""
    head = raw[:4000].decode("utf-8", "replace").lstrip("\ufeff").replace('"', "")
    preamble = head.partition("\nTicker,")[0] if not head.startswith("Ticker,") else ""
    title = preamble.strip().split("\n", 1)[0][:60]
    said = _fund_of_title(title)
    part = next((index for _, _, index in FUNDS.values() if index.lower() in title.lower()), None)
    if said is None and part is not None:
        raise SourceError(f"{file}: the file is about '{title}', which holds a part of the {part}, not all of it.")
    named = named or fund_of(file)
    nameless = re.search(rf"\b{named}\b", title, re.IGNORECASE) or "fund holdings" in title.lower()
    if said is None and preamble.strip() and named in FUNDS and not nameless:
        raise SourceError(f"{file}: the file is about '{title}', but its name says {named}; rename it.")
    if said is not None and named in FUNDS and named != said:
        raise SourceError(
            f"{file}: the file says it is about the {FUNDS[said][2]} ({said}), but its name says {named}; rename it."
        )
    return said or named


def _fund_of_title(title: str) -> str | None:
    """The fund of a title that names an index and nothing but words of every fund after it: no Growth, no Value."""
    for fund, (_, _, index) in FUNDS.items():
        before, match, after = title.lower().partition(index.lower())
        if match and set(re.findall(r"[a-z]+", after)) <= _TITLE_WORDS and not _OTHER & set(before.split()):
            return fund
    return None


def _day(lines: list[str], who: str) -> np.datetime64:
    line = next((ln for ln in lines if ln.lower().startswith("fund holdings as of")), None)
    if line is None:
        return np.datetime64("NaT", "D")
    match = _AS_OF.match(line.partition(",")[2])
    if not match or match.group(1) not in _MONTHS:
        raise SourceError(f"{who}: '{line.partition(',')[2].strip()}' is not the day of any holdings.")
    month = _MONTHS.index(match.group(1)) + 1
    try:
        return np.datetime64(f"{match.group(3)}-{month:02d}-{int(match.group(2)):02d}", "D")
    except ValueError:
        raise SourceError(f"{who}: '{match.group(0).strip()}' is not a day.") from None


def read_holdings(raw: bytes, who: str, fund: str) -> Holdings:
    """Read a holdings file, with or without its preamble. Undated (NaT) where no preamble says the day."""
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise SourceError(f"{who}: the text is not UTF-8.") from None
    lines = text.split("\n")
    start = next((n for n, ln in enumerate(lines[:40]) if ln.replace('"', "").startswith("Ticker,")), None)
    if start is None:
        raise SourceError(f"{who}: no line begins with 'Ticker,'; has the layout changed?")
    try:
        header = [c.strip() for c in next(csv.reader([lines[start]]))]
    except csv.Error as exc:
        raise SourceError(f"{who}: the header cannot be read ({exc}).") from None
    missing = [c for c in _NEEDED if c not in header]
    if missing:
        raise SourceError(f"{who}: the column '{missing[0]}' is not there; has the layout changed?")
    rows = _rows("\n".join(lines[start + 1 :]), len(header), who)
    if len(rows) < _FEWEST:
        raise SourceError(f"{who}: only {len(rows)} holdings; the file may be cut short.")
    index = {name: k for k, name in enumerate(header)}
    seen: set[tuple[str, ...]] = set()
    for r in rows:
        key = (r[index["Ticker"]], r[index["Name"]], r[index["Asset Class"]])
        if key in seen and key[0] != "-":
            raise SourceError(f"{who}: '{key[0]}', {key[1]}, comes twice.")
        seen.add(key)

    def words(name: str) -> tuple[str, ...]:
        return tuple(r[index[name]].strip() for r in rows)

    def numbers(names: tuple[str, ...]) -> FloatArray:
        column = next((n for n in names if n in index), None)
        if column is None:
            return np.full(len(rows), np.nan)
        return read_values([r[index[column]].replace(",", "") for r in rows], f"{who}, column '{column}'")

    weight = numbers(("Weight (%)",))
    total = float(np.nansum(weight))
    if not _WEIGHTS[0] <= total <= _WEIGHTS[1]:
        raise SourceError(
            f"{who}: the weights add up to {total:.4g}, not to about 100 %; the file is cut short or of another unit."
        )
    return Holdings(
        fund=fund,
        as_of=_day(lines[:start], who),
        ticker=words("Ticker"),
        name=words("Name"),
        sector=words("Sector"),
        asset_class=words("Asset Class"),
        weight=weight,
        **{name: numbers(columns) for name, columns in _OPTIONAL.items()},
    )


def _rows(body: str, width: int, who: str) -> list[list[str]]:
    """Return the rows of the table, which ends at a blank line (of spaces, sometimes of a no-break space)."""
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(body))
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as exc:
            raise SourceError(f"{who}: row {len(rows) + 1} cannot be read ({exc}).") from None
        if not any(c.strip("\xa0 ") for c in cells):
            break
        if len(cells) != width:
            raise SourceError(f"{who}: row {len(rows) + 1} has {len(cells)} cells where the header has {width}.")
        rows.append(cells)
    return rows
