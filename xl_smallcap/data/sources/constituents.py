"""A folder of constituents: prices of many stocks, members and dated weights of an index; CSV, Excel or Parquet.

Files are known by their columns: prices wide (``date`` and a column a ticker) or long (``date, ticker, price``),
weights (``date, ticker, weight`` in %, and ``index`` where the file's name does not say it), an iShares holdings file,
or a list of members (``ticker`` or ``Symbol``). Parquet needs the optional package polars.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import numpy as np

from xl_smallcap.data.cross_section import NUMBERS, CrossSection, Holdings, jumps, plain_ticker, replaced, ticker_of
from xl_smallcap.data.releases import weekend
from xl_smallcap.data.sources import ishares, workbook
from xl_smallcap.data.sources.table_file import PARQUET, TableFile, read_table_file
from xl_smallcap.data.sources.tables import NotSeriesError, TwiceError, out_of_order
from xl_smallcap.errors import SourceError
from xl_smallcap.types import DayArray, FloatArray

SUFFIXES = (".csv", PARQUET, *workbook.SUFFIXES)
_DATE, _TICKER = ("date",), ("ticker", "symbol")
_PRICE = ("price", "adj_close", "adj close", "close", "value")
_WEIGHT, _INDEX = ("weight", "weight (%)", "weight_pct"), ("index", "fund")
_FUND_WORDS = {
    "IWM": ("iwm", "russell", "russell2000", "russell 2000", "r2000", "rut", "rty"),
    "IVV": ("ivv", "sp500", "s&p500", "s&p 500", "spx", "gspc"),
}
_WEIGHTS = (95.0, 105.0)
_FEWEST = 30
_NAMED = 5
_STILL = 10
"""Days without a change at the end of a stock's prices that are named; no stock of our own history has two."""
_ONCE = ((5, "a week"), (20, "a month"))
"""Median days between prices from which they come once a week, once a month."""


@dataclass
class Constituents:
    """What a folder held: prices, holdings (dated weights or lists of members) with their file, what was left out."""

    prices: CrossSection | None = None
    origin: str = ""
    holdings: list[tuple[Holdings, str]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def fund_of(word: str) -> str | None:
    """Return the fund that stands for an index: "russell" is IWM, "sp500" IVV. None for another."""
    wanted = PurePath(word.strip().lower()).stem.replace("-", "_")
    for fund, words in _FUND_WORDS.items():
        if any(wanted == w or wanted.startswith(f"{w}_") for w in words):
            return fund
    return None


def read(place: Path, progress: Callable[[str, int, int], None]) -> Constituents:
    """Read every CSV, Excel and Parquet file of a folder."""
    if not place.is_dir():
        raise SourceError(f"'{place}' is no folder; constituents come from a folder of CSV, Excel or Parquet files.")
    files = sorted(p for p in place.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith((".", "~$")))
    contents = Constituents()
    for done, path in enumerate(files):
        progress(path.name, done, len(files))
        try:
            take(contents, path.read_bytes(), path.name)
        except OSError as exc:
            contents.skipped[path.name] = f"{path.name} could not be read: {exc.strerror}. Is it open elsewhere?"
        except TwiceError:
            raise
        except SourceError as exc:
            contents.skipped[path.name] = str(exc)
    progress("", len(files), len(files))
    if contents.prices is None and not contents.holdings:
        reasons = " ".join(contents.skipped.values())
        raise SourceError(f"No file in '{place}' holds prices, weights or members of an index. {reasons}".strip())
    return contents


def take(contents: Constituents, raw: bytes, file: str) -> None:
    """Read the bytes of one file into what was found so far."""
    if ishares.is_holdings(raw) or _claims_holdings(raw, file):
        held = ishares.read_holdings(raw, file, ishares.fund_in(raw, file, fund_of(file)))
        contents.holdings.append((held, file))
        return
    frame = read_table_file(raw, file)
    date, ticker, weight = frame.at(_DATE), frame.at(_TICKER), frame.at(_WEIGHT)
    if date is not None and ticker is not None and weight is not None:
        contents.holdings += [(h, file) for h in _weights(frame, date, ticker, weight)]
    elif date is not None:
        prices, remarks = _prices(frame, date, ticker)
        contents.remarks += remarks
        if contents.prices is not None:
            here = {plain_ticker(t): t for t in contents.prices.tickers}
            both = next((t for t in prices.tickers if plain_ticker(t) in here), None)
            if both is not None:
                raise TwiceError(f"{file}: '{both}' has prices in {contents.origin} already; keep one file a ticker.")
            prices = replaced(contents.prices, prices)
        contents.prices, contents.origin = prices, f"{contents.origin}+{file}" if contents.origin else file
    elif ticker is not None and fund_of(file) is not None:
        contents.holdings.append((_members(frame, ticker), file))
    else:
        raise NotSeriesError(
            f"{file}: neither prices (a column 'date'), nor weights (date, ticker, weight), nor members of an index (a "
            "column 'ticker' or 'Symbol', the file's name beginning with sp500 or russell)."
        )


def _claims_holdings(raw: bytes, file: str) -> bool:
    """A file named after a fund with a line that begins with Ticker is a holdings file, whatever its other columns."""
    if PurePath(file).suffix.lower() != ".csv" or ishares.fund_of(file) not in ishares.FUNDS:
        return False
    lines = raw[:8000].decode("utf-8", "replace").lstrip("\ufeff").replace('"', "").split("\n")
    return any(ln.startswith("Ticker,") for ln in lines[:40])


def _check_days(days: DayArray, file: str) -> None:
    if not days.size:
        raise SourceError(f"{file} has a header but no rows.")
    if np.isnat(days).any():
        raise SourceError(f"{file}: a row has no date.")
    if days.max() > np.datetime64(dt.date.today(), "D"):
        raise SourceError(f"{file}: {days.max()} is after today; is the year right?")


def _prices(frame: TableFile, date: int, ticker: int | None) -> tuple[CrossSection, list[str]]:
    """Read prices, long or wide; what was dropped or looks odd as sentences."""
    days, remarks = frame.days(date), list[str]()
    _check_days(days, frame.file)
    if ticker is not None:
        price = frame.at(_PRICE)
        if price is None:
            raise SourceError(
                f"{frame.file}: no column of prices ('price', 'close' or 'adj_close') beside the tickers."
            )
        words = _tickers(frame, ticker)
        names, column = np.unique(np.array(words), return_inverse=True)
        dates, row = np.unique(days, return_inverse=True)
        cell = row * names.size + column
        cells, count = np.unique(cell, return_counts=True)
        if (count > 1).any():
            twice = int(cells[count > 1][0])
            raise SourceError(
                f"{frame.file}: '{names[twice % names.size]}' comes twice on {dates[twice // names.size]}; keep one."
            )
        prices = np.full((dates.size, names.size), np.nan)
        prices[row, column] = frame.numbers(price)
        tickers = [str(n) for n in names]
    else:
        remarks = out_of_order(days, frame.file, range(2, days.size + 2))
        order = np.argsort(days, kind="stable")
        dates = days[order]
        same = np.flatnonzero(dates[1:] == dates[:-1])
        if same.size:
            raise SourceError(f"{frame.file}: {dates[same[0]]} comes twice; keep one row a day.")
        columns = [k for k in range(len(frame.header)) if k != date]
        tickers = [ticker_of(frame.header[k]).upper() for k in columns]
        prices = np.column_stack([frame.numbers(k) for k in columns])[order] if columns else np.empty((dates.size, 0))
    seen: dict[str, str] = {}
    for name in tickers:
        if plain_ticker(name) in seen:
            raise SourceError(
                f"{frame.file}: '{seen[plain_ticker(name)]}' and '{name}' are the same ticker; keep one column of it."
            )
        seen[plain_ticker(name)] = name
    made, more = _cleaned(CrossSection(dates, tuple(tickers), prices), frame.file)
    return made, remarks + more


def _tickers(frame: TableFile, k: int) -> list[str]:
    words = frame.words(k)
    blank = next((n for n, w in enumerate(words) if not plain_ticker(w)), None)
    if blank is not None:
        raise SourceError(
            f"{frame.file}: row {blank + 1} below the header has no ticker in column '{frame.header[k]}'."
        )
    return [ticker_of(w) for w in words]


def _cleaned(data: CrossSection, file: str) -> tuple[CrossSection, list[str]]:
    """Sort tickers, leave out what has no price and weekends that repeat Friday, flag what moves like a split."""
    remarks = []
    data, weekends = _without_weekends(data)
    if weekends:
        remarks.append(f"{file}: {weekends} Saturday(s) and Sunday(s) that repeat the day before are left out.")
    prices = data.prices
    bad = np.asarray(~(prices > 0) | np.isinf(prices))
    low = int((np.isfinite(prices) & (prices <= 0)).sum())
    if low:
        remarks.append(f"{file}: {low} price(s) at or below zero count as not observed.")
    prices = np.where(bad, np.nan, prices)
    empty = np.asarray(bad.all(axis=0))
    if empty.any():
        gone = [t for t, e in zip(data.tickers, empty, strict=True) if e]
        remarks.append(f"{file}: no price of {_listed(gone)}; left out.")
    if empty.all():
        raise SourceError(f"{file}: there is no price in it.")
    order = [k for k in sorted(range(len(data.tickers)), key=data.tickers.__getitem__) if not empty[k]]
    made = CrossSection(data.dates, tuple(data.tickers[k] for k in order), np.ascontiguousarray(prices[:, order]))
    return made, remarks + _odd_days(made, file) + suspects(made, file)


def _odd_days(data: CrossSection, file: str) -> list[str]:
    """Say what is odd about the days: weekends, weeks or months for days, prices that stand still at the end."""
    remarks = []
    off = data.dates[weekend(data.dates)]
    if off.size:
        remarks.append(
            f"{file}: prices on {off.size} Saturday(s) and Sunday(s), first on {off[0]}; are days and months exchanged?"
        )
    gap = float(np.median(np.diff(data.dates.view(np.int64)))) if data.dates.size > 1 else 0.0
    once = [word for least, word in _ONCE if gap >= least]
    if once:
        remarks.append(f"{file}: prices come once {once[-1]}; betas and dispersion of stocks count days.")
    still = []
    for k, ticker in enumerate(data.tickers):
        own = data.prices[np.isfinite(data.prices[:, k]), k]
        if own.size > _STILL and (own[-_STILL - 1 :] == own[-1]).all():
            still.append(ticker)
    if still:
        remarks.append(
            f"{file}: {len(still)} stock(s) have not changed for {_STILL} observations or more at the end "
            f"({_listed(still)}); does their feed stand still?"
        )
    return remarks


def _without_weekends(data: CrossSection) -> tuple[CrossSection, int]:
    """Leave out days off the market that only repeat the prices before them."""
    repeats = np.zeros(data.dates.size, dtype=bool)
    for row in np.flatnonzero(weekend(data.dates)):
        here = data.prices[row]
        observed = np.isfinite(here)
        repeats[row] = not observed.any() or (
            row > 0 and bool((here[observed] == data.prices[row - 1][observed]).all())
        )
    if not repeats.any():
        return data, 0
    return CrossSection(data.dates[~repeats], data.tickers, data.prices[~repeats]), int(repeats.sum())


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def suspects(data: CrossSection, file: str) -> list[str]:
    """Say which stocks move in a day as if a split had not been adjusted; their prices stay as they are.

    At most one sentence.
    """
    logs = np.log(data.prices)
    far = jumps(logs)
    if not far.any():
        return []
    rows, columns = np.nonzero(far)
    moves = np.empty(rows.size)
    for k, (i, j) in enumerate(zip(rows, columns, strict=True)):
        own = logs[: i + 1, j]
        moves[k] = np.diff(own[np.isfinite(own)])[-1]
    worst = np.argsort(-np.abs(moves), kind="stable")
    first = []
    for k in worst[:_NAMED]:
        i, j = rows[k], columns[k]
        first.append(f"{data.tickers[j]} {100 * np.expm1(moves[k]):+.0f} % on {data.dates[i]}")
    return [
        f"{file}: {rows.size} move(s) of a stock by a factor of about 2, 3, 4 or more between two closes; splits "
        f"not adjusted? {'; '.join(first)}{' ...' if rows.size > _NAMED else ''}. The prices are kept as they are."
    ]


def _weights(frame: TableFile, date: int, ticker: int, weight: int) -> list[Holdings]:
    """Read weights by date: the holdings of each index on each day."""
    days, names, weights = frame.days(date), np.array(_tickers(frame, ticker)), frame.numbers(weight)
    _check_days(days, frame.file)
    index = frame.at(_INDEX)
    words = [frame.file] * days.size if index is None else frame.words(index)
    funds = {w: fund_of(w) for w in set(words)}
    unknown = next((w for w, f in funds.items() if f is None), None)
    if unknown is not None:
        raise SourceError(
            f"{frame.file}: '{unknown}' is no index we know (russell or sp500); give a column 'index' with one of them."
        )
    fund = np.array([str(funds[w]) for w in words])
    holdings = []
    for one in sorted(set(fund.tolist())):
        for day in np.unique(days[fund == one]):
            rows = np.flatnonzero((fund == one) & (days == day))
            holdings.append(_holdings(frame.file, one, day, [str(t) for t in names[rows]], weights[rows]))
    return holdings


def _holdings(file: str, fund: str, day: np.datetime64, tickers: list[str], weight: FloatArray) -> Holdings:
    seen: set[str] = set()
    for name in tickers:
        if plain_ticker(name) in seen:
            raise SourceError(f"{file}: '{name}' has two weights of {fund} on {day}; keep one.")
        seen.add(plain_ticker(name))
    if np.isfinite(weight).any():
        total = float(np.nansum(weight))
        if not np.isfinite(weight).all() or (weight < 0).any():
            raise SourceError(f"{file}: a weight of {fund} on {day} is missing or below zero.")
        if not _WEIGHTS[0] <= total <= _WEIGHTS[1]:
            hint = " Weights are in %." if 0.9 <= total <= 1.1 else ""
            raise SourceError(
                f"{file}: the weights of {fund} on {day} add up to {total:.4g}, not to about 100 %.{hint}"
            )
    if len(tickers) < _FEWEST:
        raise SourceError(f"{file}: only {len(tickers)} members of {fund} on {day}; at least {_FEWEST} are needed.")
    blank = ("",) * len(tickers)
    missing = {n: np.full(len(tickers), np.nan) for n in NUMBERS if n != "weight"}
    return Holdings(
        fund=fund, as_of=day, ticker=tuple(tickers), name=blank, sector=blank, asset_class=("Equity",) * len(tickers),
        weight=weight, **missing,
    )  # fmt: skip


def _members(frame: TableFile, ticker: int) -> Holdings:
    """Read a list of members without weights and without a day."""
    fund = fund_of(frame.file)
    assert fund is not None
    names = [ticker_of(w) for w in frame.words(ticker) if plain_ticker(w)]
    made = _holdings(frame.file, fund, np.datetime64("NaT", "D"), names, np.full(len(names), np.nan))
    label, sector = frame.at(("security", "name")), frame.at(("gics sector", "sector"))
    if len(names) != len(frame.words(ticker)):
        return made
    words = {
        "name": tuple(frame.words(label)) if label is not None else made.name,
        "sector": tuple(frame.words(sector)) if sector is not None else made.sector,
    }
    return Holdings(**{**made.__dict__, **words})
