"""What are the factor betas, how sure are they, and how did they move?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.data.catalogue import Catalogue, Spec, Target
from xl_smallcap.data.panel import Column, Panel
from xl_smallcap.errors import BadArgumentError, FitError, NoDataError, XlSmallcapError
from xl_smallcap.models.factor_ols import FactorFit, fit_factor_ols, independent_signs
from xl_smallcap.models.inference import student_quantile
from xl_smallcap.models.rolling import rolling_newey_west, rolling_ols
from xl_smallcap.session import Columns, Session
from xl_smallcap.types import BetaUnit, DayArray, FloatArray, Method, Window

MARKET = "market"
NATIVE_STEP = {"bp": 10.0, "pct": 1.0}
NATIVE_NAME = {"bp": "10bp", "pct": "1pct"}
_REFERENCE_SCALE = {"daily": 1.0, "weekly": 5.0**0.5, "monthly": 21.0**0.5}


@dataclass(frozen=True)
class Question:
    """Which regression: everything but the unit it is shown in."""

    target: Target
    spec: Spec
    window: Window
    as_of: np.datetime64 | None
    method: Method = "ols"

    @property
    def market(self) -> bool:
        """Whether the market takes part as a regressor."""
        return self.spec.market or self.target.market


@dataclass(frozen=True)
class Fitted:
    """A fit with the dates and the evidence around it."""

    names: tuple[str, ...]
    quotes: tuple[str, ...]
    fit: FactorFit
    sign_share: FloatArray
    sign_windows: int
    first_date: np.datetime64
    last_date: np.datetime64
    notes: tuple[str, ...]
    used: dict[str, str]

    def position(self, factor: str) -> int:
        """Return the index of a factor or the market in the arrays.

        Parameters
        ----------
        factor : str
            Factor id or "market".

        Returns
        -------
        int
        """
        return self.names.index(factor)


@dataclass(frozen=True)
class History:
    """Betas of every window: per own standard deviation, and each window's standard deviation."""

    names: tuple[str, ...]
    quotes: tuple[str, ...]
    dates: DayArray
    params: FloatArray
    bse: FloatArray
    factor_sd: FloatArray
    half_width: float


def columns_of(catalogue: Catalogue, question: Question) -> tuple[Column, ...]:
    """Return the panel's columns: target, factors, then the market where it takes part.

    Parameters
    ----------
    catalogue : Catalogue
        Constructions.
    question : Question
        Which regression.

    Returns
    -------
    tuple of Column

    Raises
    ------
    BadArgumentError
        The target is itself a regressor.
    """
    target = question.target
    columns = [Column.of("target", "pct", target.legs)]
    for name in question.spec.factors:
        factor = catalogue.factors[name]
        columns.append(Column.of(name, factor.quote, factor.legs))
    if question.market:
        columns.append(Column.of(MARKET, "pct", ((catalogue.market, 1.0),)))
    for column in columns[1:]:
        if column.legs == columns[0].legs:
            raise BadArgumentError(
                f"Target '{target.id}' is also the regressor '{column.name}' of specification "
                f"'{question.spec.id}', so its beta is 1 by construction; use another target or specification."
            )
    return tuple(columns)


def aligned(session: Session, question: Question) -> Panel:
    """Return the panel known by `as_of`, after checking that the date lies within reach of the data.

    Parameters
    ----------
    session : Session
        Snapshot and catalogue.
    question : Question
        Which regression.

    Returns
    -------
    Panel

    Raises
    ------
    NoDataError
        The date is before the data or more than the days of grace after them; the range is named.
    """
    columns = columns_of(session.catalogue, question)
    panel = session.panel(columns, question.as_of, question.window.frequency)
    if question.as_of is not None:
        grace = np.timedelta64(session.settings.grace_days, "D")
        if panel.level_dates.size == 0 or question.as_of > panel.level_dates[-1] + grace:
            everything = session.panel(columns, None).level_dates
            if everything.size == 0:
                raise NoDataError(f"The series of specification '{question.spec.id}' have no common date.")
            raise NoDataError(
                f"No data for as_of {question.as_of}: '{question.target.id}' with specification "
                f"'{question.spec.id}' is observed from {everything[0]} to {everything[-1]} "
                f"(an as_of may lie up to {session.settings.grace_days} days after an observation)."
            )
    elif panel.level_dates.size == 0:
        raise NoDataError(f"The series of specification '{question.spec.id}' have no common date.")
    return panel


def _check_window(session: Session, question: Question, panel: Panel) -> None:
    k = len(panel.names) - 1
    least = k + session.settings.min_spare_obs
    window = question.window
    if window.count < least:
        raise BadArgumentError(
            f"Window {window} is too short: {k} regressors need at least {least} observations "
            f"({k} + {session.settings.min_spare_obs})."
        )
    if panel.dates.size < window.count:
        raise NoDataError(
            f"Window {window} needs {window.count} {window.frequency} changes; by {panel.level_dates[-1]} there are "
            f"{panel.dates.size} (since {panel.level_dates[0]})."
        )
    crossed = panel.gaps[panel.gaps > panel.dates.size - window.count]
    if crossed.size:
        after, before = panel.starts[crossed[-1]], panel.dates[crossed[-1] - 1]
        raise NoDataError(
            f"Window {window} reaches across a gap: not every series was observed between {before} and {after}. "
            f"There are {panel.dates.size - int(crossed[-1])} {window.frequency} changes since then."
        )


def _key(kind: str, question: Question, panel: Panel, confidence: float) -> tuple[str, ...]:
    return (
        kind,
        question.target.id,
        question.spec.id,
        str(question.window),
        question.method,
        str(panel.level_dates[-1]),
        repr(confidence),
    )


def fit(session: Session, question: Question) -> Fitted:
    """Fit one regression, or return it from the cache.

    Parameters
    ----------
    session : Session
        Data and cache.
    question : Question
        Which regression.

    Returns
    -------
    Fitted

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        Window too short, too little history, constant or collinear factors.
    """
    panel = aligned(session, question)
    _check_window(session, question, panel)
    n, confidence = question.window.count, session.settings.confidence
    names = panel.names[1:]

    def compute() -> tuple[FactorFit, FloatArray, int]:
        y, X = panel.changes[:, 0], panel.changes[:, 1:]
        now = fit_factor_ols(y[-n:], X[-n:], names, confidence)
        before = independent_signs(y, X, n, panel.gaps)
        signs = np.vstack([np.sign(now.params), before])
        return now, np.mean(signs == signs[0], axis=0), len(signs)

    def to_columns(result: tuple[FactorFit, FloatArray, int]) -> Columns:
        now, share, windows = result
        return {**now.to_columns(), "sign_share": share, "sign_windows": np.array(float(windows))}

    def from_columns(columns: Columns) -> tuple[FactorFit, FloatArray, int]:
        return FactorFit.from_columns(columns), columns["sign_share"], int(columns["sign_windows"])

    result, share, windows = session.get_or_compute(
        _key("fit", question, panel, confidence), compute, to_columns, from_columns
    )
    return Fitted(
        names=names,
        quotes=panel.quotes[1:],
        fit=result,
        sign_share=share,
        sign_windows=windows,
        first_date=panel.starts[-n],
        last_date=panel.dates[-1],
        notes=panel.notes,
        used=panel.used,
    )


def checks(session: Session, question: Question) -> list[tuple[str, str, Fitted | XlSmallcapError]]:
    """Refit with every other construction of each factor, one at a time.

    Parameters
    ----------
    session : Session
        Data and cache.
    question : Question
        The regression whose robustness is asked.

    Returns
    -------
    list of (str, str, Fitted or XlSmallcapError)
        The alternative factor, the specification that has it, and its fit or why there is none.
    """
    found: list[tuple[str, str, Fitted | XlSmallcapError]] = []
    for name in question.spec.factors:
        for other in session.catalogue.factors[name].alternatives:
            spec = session.catalogue.spec(f"{question.spec.id}:{other}")
            try:
                found.append((other, spec.id, fit(session, replace(question, spec=spec))))
            except XlSmallcapError as exc:
                found.append((other, spec.id, exc))
    return found


def out_of_sample_rsquared(session: Session, question: Question) -> float:
    """Share of variance explained by betas fitted on the window before each observation (0 to 1, or below zero).

    Parameters
    ----------
    session : Session
        Data and cache.
    question : Question
        Which regression.

    Returns
    -------
    float
        1 - SSE/SST over the last `window` observations; y_t is predicted with the intercept and betas of the
        `window` observations before it and the factor changes of t; SST is about the mean of the same window
        (Campbell and Thompson 2008, eq. 1).

    Raises
    ------
    NoDataError
        Fewer than two windows of history.
    """
    panel = aligned(session, question)
    _check_window(session, question, panel)
    n = question.window.count
    if panel.dates.size < 2 * n:
        raise NoDataError(
            f"The out-of-sample R² of window {question.window} needs {2 * n} changes; there are {panel.dates.size}."
        )
    y, X = panel.changes[-2 * n :, 0], panel.changes[-2 * n :, 1:]
    rolled = rolling_ols(y[:-1], X[:-1], n)
    predicted = rolled.const + (X[n:] * rolled.params).sum(axis=1)
    means = np.lib.stride_tricks.sliding_window_view(y[:-1], n).mean(axis=1)
    if not np.isfinite(predicted).all():
        raise FitError("A window before this one has a constant factor, so there is no out-of-sample R².")
    return 1.0 - float(((y[n:] - predicted) ** 2).sum() / ((y[n:] - means) ** 2).sum())


def history(session: Session, question: Question) -> History:
    """Fit every window up to `as_of` at once.

    Parameters
    ----------
    session : Session
        Data and cache.
    question : Question
        Which regression.

    Returns
    -------
    History
        Agrees with single fits to 1e-10.
    """
    panel = aligned(session, question)
    _check_window(session, question, panel)
    n, confidence = question.window.count, session.settings.confidence

    def compute() -> tuple[FloatArray, FloatArray, FloatArray]:
        y, X = panel.changes[:, 0], panel.changes[:, 1:]
        rolled = rolling_ols(y, X, n)
        bse = rolling_newey_west(y, X, rolled, n)
        for gap in panel.gaps:  # a window across a gap is no window of that frequency
            across = slice(max(0, int(gap) - n + 1), int(gap))
            rolled.params[across] = np.nan
        return rolled.params * rolled.factor_sd, bse * rolled.factor_sd, rolled.factor_sd

    params, bse, factor_sd = session.get_or_compute(
        _key("history", question, panel, confidence),
        compute,
        lambda r: {"params": r[0], "bse": r[1], "factor_sd": r[2]},
        lambda c: (c["params"], c["bse"], c["factor_sd"]),
    )
    return History(
        names=panel.names[1:],
        quotes=panel.quotes[1:],
        dates=panel.dates[n - 1 :],
        params=params,
        bse=bse,
        factor_sd=factor_sd,
        half_width=student_quantile(confidence, float(n - len(panel.names))),
    )


def reference_sd(catalogue: Catalogue, factor: str, window: Window) -> float | None:
    """Return the fixed yardstick of a factor at a frequency, in % or bp; None for the market.

    Parameters
    ----------
    catalogue : Catalogue
        Daily reference standard deviations.
    factor : str
        Factor id.
    window : Window
        Its frequency scales by the root of 5 or 21 days.

    Returns
    -------
    float or None
    """
    entry = catalogue.factors.get(factor)
    return None if entry is None else entry.reference_sd * _REFERENCE_SCALE[window.frequency]


def unit_factor(unit: BetaUnit, quote: str, sd: float, factor: str) -> float:
    """Return what turns a beta per own standard deviation into the unit asked for.

    Parameters
    ----------
    unit : {"sd", "native", "10bp", "1pct"}
        What the user wants; native is 10 bp for rates and 1 % for prices.
    quote : {"bp", "pct"}
        The factor's quote.
    sd : float
        The window's standard deviation in bp or %.
    factor : str
        For the error.

    Returns
    -------
    float

    Raises
    ------
    BadArgumentError
        The unit is not the factor's.
    """
    if unit == "sd":
        return 1.0
    if unit not in ("native", NATIVE_NAME[quote]):
        raise BadArgumentError(
            f"'{factor}' is measured in {'basis points' if quote == 'bp' else '%'}; use unit "
            f"'{NATIVE_NAME[quote]}', 'native' or 'sd'."
        )
    return NATIVE_STEP[quote] / sd


def unit_name(unit: BetaUnit, quote: str) -> str:
    """Return the unit as a table shows it.

    Parameters
    ----------
    unit : {"sd", "native", "10bp", "1pct"}
        As asked.
    quote : {"bp", "pct"}
        The factor's quote.

    Returns
    -------
    str
    """
    if unit == "sd":
        return "% per +1 sd"
    return "% per +10 bp" if quote == "bp" else "% per +1 %"
