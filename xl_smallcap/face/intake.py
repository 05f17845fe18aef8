"""A DataFrame of series into the store, with every check of ``xl-smallcap data load``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from xl_smallcap.config import Settings, load_settings
from xl_smallcap.data.loading import LoadReport, put_loaded
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.sources import Loaded
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, SourceError, closest

NAME = "a DataFrame"
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


def load(
    frame: pd.DataFrame | pd.Series,
    *,
    add: bool = False,
    accept: str | Sequence[str] = (),
    make_current: bool = True,
    home: Path | str | None = None,
) -> LoadReport:
    """Put a DataFrame of series into the store, as ``xl-smallcap data load`` puts a folder.

    Parameters
    ----------
    frame : DataFrame or Series
        Indexed by date, one column a series, named by the catalogue's ids, Bloomberg's or Yahoo's. In the catalogue's
        units: prices and index levels, rates in percent. NaN is "not observed". A PeriodIndex counts by its last day.
    add : bool
        Beside the series of the snapshot in use; default in their place.
    accept : sequence of str
        Series that look gravely wrong and are right.
    make_current : bool
        Put the new snapshot to use.
    home : pathlib.Path, optional
        Default: XL_SMALLCAP_HOME, else the user's own.

    Returns
    -------
    LoadReport
        The snapshot, whether it is in use, doubts and remarks.

    Raises
    ------
    BadArgumentError
        No DataFrame; an index that is no date or has a day twice; a column that is no number.
    SourceError
        Nothing in it can be used.

    Examples
    --------
    >>> xs.load(pd.DataFrame({"RUT": [1.0]}, index=["Monday"]))
    Traceback (most recent call last):
    xl_smallcap.errors.BadArgumentError: The index of a DataFrame of series holds dates; row 1 is 'Monday'.
    """
    for flag, value in (("add", add), ("make_current", make_current)):
        if not isinstance(value, bool):
            raise BadArgumentError(f"The argument '{flag}' is True or False; got {value!r}.")
    columns = _columns(frame)
    accepted = _accepted(accept, list(columns.columns))
    days = _days(columns.index)
    loaded = Loaded(
        series={str(name): _series(str(name), columns.iloc[:, j], days) for j, name in enumerate(columns.columns)},
        origins={str(name): NAME for name in columns.columns},
    )
    empty = [name for name, data in loaded.series.items() if not data.values.size]
    if empty:
        raise SourceError(f"Column '{empty[0]}' has no value; leave it out.")
    settings = settings_of(home)
    catalogue_file = settings.home / "catalogue.toml"
    return put_loaded(
        Store(settings.store_dir), NAME, "folder", loaded, catalogue_file, add=add, make_current=make_current,
        accept=accepted,
    )  # fmt: skip


def settings_of(home: Path | str | None) -> Settings:
    """Return the settings of a home folder, or of the user's own."""
    if home is None:
        return load_settings()
    if not isinstance(home, (str, Path)):
        raise BadArgumentError(f"home is a folder; got {type(home).__name__}.")
    return load_settings(Path(home))


def _accepted(accept: str | Sequence[str], names: list[str]) -> list[str]:
    """The series to accept; a name that is not in the frame would be accepted for nothing."""
    given = [accept] if isinstance(accept, str) else accept
    if not isinstance(given, (list, tuple)) or not all(isinstance(n, str) for n in given):
        raise BadArgumentError(f"accept names series, such as accept=['RUT']; got {accept!r}.")
    for name in given:
        if name not in names:
            near = closest(name, names)
            raise BadArgumentError(
                f"accept names '{name}', which is no column." + (f" Did you mean '{near}'?" if near else "")
            )
    return list(given)


def _columns(frame: pd.DataFrame | pd.Series) -> pd.DataFrame:
    if isinstance(frame, pd.Series):
        frame = frame.to_frame(frame.name)
    if not isinstance(frame, pd.DataFrame):
        raise BadArgumentError(f"Give a DataFrame indexed by date, one column a series; got {type(frame).__name__}.")
    if frame.empty:
        raise BadArgumentError("The DataFrame is empty.")
    if isinstance(frame.columns, pd.MultiIndex):
        raise BadArgumentError(
            "The DataFrame has more than one level of column names, as yfinance's have: choose one field, such as "
            "frame['Close']."
        )
    strange = next((c for c in frame.columns if not isinstance(c, str)), None)
    if strange is not None or frame.columns.hasnans:
        raise BadArgumentError(f"A column is a series and has a name of text; one is called {strange!r}.")
    names = [c.strip() for c in frame.columns]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice or not all(names):
        raise BadArgumentError(f"Column '{twice[0]}' is there twice." if twice else "A column has no name.")
    return frame.set_axis(names, axis=1)


def _days(index: pd.Index) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp(how="end")
    if not isinstance(index, pd.DatetimeIndex):
        if pd.api.types.is_numeric_dtype(index):
            raise BadArgumentError(
                f"The index of a DataFrame of series holds dates; it holds numbers ({index[0]}, ...). "
                "Set the column of dates as index: frame.set_index('date')."
            )
        for k, entry in enumerate(index):
            if not _is_day(entry):
                raise BadArgumentError(f"The index of a DataFrame of series holds dates; row {k + 1} is '{entry}'.")
        index = pd.DatetimeIndex(pd.to_datetime([str(e)[:10] for e in index], format="ISO8601"))
    if index.hasnans:
        raise BadArgumentError(f"Row {int(np.flatnonzero(index.isna())[0]) + 1} of the DataFrame has no date.")
    days = (index.tz_localize(None) if index.tz is not None else index).to_numpy().astype("datetime64[D]")
    unique, counts = np.unique(days, return_counts=True)
    if (counts > 1).any():
        raise BadArgumentError(
            f"The DataFrame has {unique[counts > 1][0]} more than once ({int((counts > 1).sum())} such days); keep one "
            "row a day, for example frame.groupby(level=0).last()."
        )
    return np.asarray(days)


def _is_day(entry: object) -> bool:
    try:
        return _ISO.match(str(entry)) is not None and not pd.isna(pd.Timestamp(str(entry)[:10]))
    except ValueError:
        return False


def _series(name: str, column: pd.Series, days: np.ndarray[tuple[int], np.dtype[np.datetime64]]) -> SeriesData:
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column) or column.dtype.kind == "c":
        texts = [v for v in column if isinstance(v, str)]
        shown = f"it holds '{texts[0]}'" if texts else f"its type is {column.dtype}"
        raise BadArgumentError(
            f"Column '{name}' is no number: {shown}. Convert it first: pd.to_numeric(frame['{name}'])."
        )
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        raise BadArgumentError(f"Column '{name}' has an infinite value on {days[np.isinf(values)][0]}.")
    there = ~np.isnan(values)
    return SeriesData.build(days[there], values[there])
