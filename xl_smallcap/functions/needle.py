"""Worksheet functions of the inverse question: what must be true, and how likely is it?"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from xl_smallcap.analyses import needle as model
from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.analyses.units import CHANGE_UNIT
from xl_smallcap.errors import BadArgumentError, FitError
from xl_smallcap.functions import _arguments as read
from xl_smallcap.functions._native import date, number
from xl_smallcap.functions._question import factor_in
from xl_smallcap.functions._shocks import DEFAULT_HORIZON, horizon_of, projection_question, scenario_question
from xl_smallcap.functions.scenarios import CONDITIONAL
from xl_smallcap.session import current_session
from xl_smallcap.types import NeedleStat, Scalar, Table

_NAMES = ("joint", "window", "given_window", "outperform")


def RUSSELL_TIPPING(
    factor: str | None = None,
    scenario: str | Sequence[Any] | None = None,
    target: str | None = None,
    horizon: float | str | None = None,
    as_of: dt.date | str | float | None = None,
) -> float | Table:
    """What must be true: the change of one factor over the horizon (bp for rates, % for prices), the rest of the path as it is, at which outperformance is as likely as not; without a factor a table of all, with 90 % intervals.

    Parameters
    ----------
    factor : str, optional
        "growth", "inflation", "easing", "dollar", "oil". Default: a table of all of them.
    scenario : str or range, optional
        "goldman", "jpmorgan", another path, or a range of factor, shock, unit. Default: growth_low_inflation.
    target : str, optional
        "relative" (default here), "russell", "hedged", or a stored daily price; always against the S&P 500.
    horizon : number, optional
        Months, 1 to 12. Default: the length of the path; of a range 3.
    as_of : date, optional
        Nothing later is used. Default: the last date with every series.

    Returns
    -------
    float or list of list
        `call_fails` says on which side of the shock outperformance is less likely than not. `lower` and `upper` are #N/A where the data cannot bound it.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    path = "growth_low_inflation" if not isinstance(scenario, (list, tuple)) and read.is_blank(scenario) else scenario
    asked = scenario_question(session, path, target, horizon, as_of)
    if not read.is_blank(factor):
        return model.tipping(session, asked, factor_in(session, asked.question, factor)).shock
    head: list[Scalar] = [
        "factor",
        "tipping",
        "call_fails",
        "lower",
        "upper",
        "unit",
        "tipping_sd",
        "of_the_path",
        "path_distance",
    ]
    table: Table = [[*head, "scenario", "target", "horizon_months", "note", "source"]]
    for name in asked.question.spec.factors:
        tail: list[Scalar] = [asked.scenario.id, asked.question.target.id, asked.months]
        try:
            found = model.tipping(session, asked, name)
        except FitError as exc:
            table.append([name, *[None] * 8, *tail, str(exc), source_label(session)])
            continue
        unit = CHANGE_UNIT[found.quote]
        ends = [number(v) for v in (found.lower, found.upper)]
        note = None if ends[0] is not None else "the data cannot bound it: its beta is not told from zero"
        rest = [found.shock_sd, number(found.path_shock), found.path_distance]
        table.append([name, found.shock, found.fails, *ends, unit, *rest, *tail, note, source_label(session)])
    return table


_JOINT: NeedleStat = "joint"


def RUSSELL_NEEDLE(
    stat: str | None = None,
    target: str | None = None,
    horizon: float | str | None = None,
    as_of: dt.date | str | float | None = None,
    growth_min: float | None = None,
    inflation_max: float | None = None,
) -> float | dt.date | Table:
    """Odds (0 to 1) of threading the needle over the horizon: growth at least g*, inflation at most p* and outperformance together, from history weighted by today's regimes; also the window alone and outperformance within it.

    Parameters
    ----------
    stat : str, optional
        joint (default), window, given_window, outperform; joint_se, window_se, given_window_se; joint_base, window_base, given_window_base, outperform_base (all of history alike); effective, nobs, first_date, last_date, all.
    target : str, optional
        "relative" (default here), "russell", "hedged", or a stored daily price; always against the S&P 500.
    horizon : number, optional
        Months, 1 to 12. Default: 3.
    as_of : date, optional
        Nothing later is used. Default: everything in the snapshot.
    growth_min : number, optional
        g*: least change of the growth factor over the horizon, in %. Default: 0.
    inflation_max : number, optional
        p*: largest change of the inflation factor over the horizon, in bp. Default: 0.

    Returns
    -------
    float, datetime.date or list of list
        given_window is conditional on the window. Errors are binomial, by the effective number of months.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY; the history of the regimes must have been computed.
    """
    session = current_session()
    session.follow()
    question = projection_question(session, target, as_of)
    months = horizon_of(horizon, DEFAULT_HORIZON)
    g, p = _bound("growth_min", growth_min), _bound("inflation_max", inflation_max)
    asked, whole = read.stat(stat, NeedleStat, _JOINT)
    found = model.needle(session, question, months, g, p)
    values: dict[str, Scalar] = {
        **{n: number(float(v)) for n, v in zip(_NAMES, found.weighted, strict=True)},
        **{f"{n}_se": number(float(v)) for n, v in zip(_NAMES[:3], found.errors, strict=False)},
        **{f"{n}_base": number(float(v)) for n, v in zip(_NAMES, found.plain, strict=True)},
        "effective": found.effective,
        "nobs": found.nobs,
        "first_date": date(found.first),
        "last_date": date(found.last),
    }
    if whole:
        shown: list[tuple[str, Scalar]] = [
            *values.items(), ("growth_min", g), ("inflation_max", p), ("target", question.target.id),
            ("horizon_months", months), ("source", source_label(session)),
        ]  # fmt: skip
        return [["stat", "value"], *([name, value] for name, value in shown)]
    value = values[asked]
    if value is None:
        raise FitError(
            f"No past stretch of {months} months lies in the window (growth at least {g:g} %, inflation at most {p:g} bp)."
        )
    assert isinstance(value, (int, float, dt.date))
    return value


def _bound(name: str, value: Any) -> float:
    if read.is_blank(value):
        return 0.0
    try:
        found = float(value) if not isinstance(value, bool) else float("nan")
    except (TypeError, ValueError):
        found = float("nan")
    if not abs(found) < 1e6:
        raise BadArgumentError(f"The argument '{name}' must be a number; got {read.shown(value)}.")
    return found


def RUSSELL_NEEDLE_MAP(
    target: str | None = None, horizon: float | str | None = None, as_of: dt.date | str | float | None = None
) -> Table:
    """Map of the probability (0 to 1) of beating the S&P 500, conditional on growth (across) and inflation (down) over the horizon, both in standard deviations; other factors follow. Its one-half line is straight by construction.

    Parameters
    ----------
    target : str, optional
        "relative" (default here), "russell", "hedged", or a stored daily price; always against the S&P 500.
    horizon : number, optional
        Months, 1 to 12. Default: 3.
    as_of : date, optional
        Nothing later is used. Default: the last date with every series.

    Returns
    -------
    list of list
        First row growth, first column inflation; the corner says what one standard deviation is.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    session = current_session()
    session.follow()
    question = projection_question(session, target, as_of)
    found = model.needle_map(session, question, horizon_of(horizon, DEFAULT_HORIZON))
    corner = (
        f"P(outperform), {CONDITIONAL}; inflation down (1 sd = {found.inflation_sd:.1f} bp), growth across "
        f"(1 sd = {found.growth_sd:.1f} %)"
    )
    steps = [float(v) for v in found.steps]
    rows = zip(steps, found.probability.tolist(), strict=True)
    return [[corner, *steps], *([step, *row] for step, row in rows)]
