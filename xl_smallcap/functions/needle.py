"""Worksheet functions of the inverse question: what must be true, and how likely is it?"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.analyses.question import CHANGE_UNIT
from xl_smallcap.analyses.scenarios import needle as model
from xl_smallcap.analyses.scenarios.projection import REGIME_STATES, ScenarioQuestion
from xl_smallcap.data.catalogue import Target
from xl_smallcap.data.scenarios import Scenario
from xl_smallcap.errors import BadArgumentError, FitError
from xl_smallcap.functions import arguments as read
from xl_smallcap.functions.arguments import date, number, row_of, table_of
from xl_smallcap.functions.parameters import AGAINST_THE_MARKET, AS_OF, FACTOR, MONTHS, PATH, SPEC, factor_in, statistic
from xl_smallcap.functions.scenarios import CONDITIONAL
from xl_smallcap.functions.shocks import DEFAULT_HORIZON, projection_question, scenario_question
from xl_smallcap.functions.table import Parameter, worksheet_function
from xl_smallcap.session import Session
from xl_smallcap.types import All, Day, ImpliedStat, NeedleStat, Scalar, Table

_NAMES = ("joint", "window", "given_window", "outperform")
_FACTOR = '"growth", "inflation", "easing", "dollar", "oil". Default: a table of all of them.'
_PATH = '"goldman", "jpmorgan", another path, or a range of factor, shock, unit. Default: growth_low_inflation.'
_WORDS = (
    "joint (default), window, given_window, outperform; joint_se, window_se, given_window_se; joint_base, window_base, "
    "given_window_base, outperform_base (all of history alike); effective, nobs, first_date, last_date, all."
)
_MONTHS = MONTHS.but(help="Months, 1 to 12. Default: 3.")


def _bound(name: str, help: str) -> Parameter:
    def reader(_: Session, value: Any) -> float:
        if read.is_blank(value):
            return 0.0
        try:
            bound = float(value) if not isinstance(value, bool) else float("nan")
        except (TypeError, ValueError):
            bound = float("nan")
        if not abs(bound) < 1e6:
            raise BadArgumentError(f"The argument '{name}' must be a number; got {read.shown(value)}.")
        return bound

    return Parameter(name, help, reader, kind="number")


_GROWTH_MIN = _bound("growth_min", "g*: least change of the growth factor over the horizon, in %. Default: 0.")
_INFLATION_MAX = _bound(
    "inflation_max", "p*: largest change of the inflation factor over the horizon, in bp. Default: 0."
)


@dataclass(eq=False, repr=False)
class _Tipping:
    """Where one factor tips a path."""

    factor: Scalar
    tipping: Scalar = None
    call_fails: Scalar = None
    lower: Scalar = None
    upper: Scalar = None
    unit: Scalar = None
    tipping_sd: Scalar = None
    of_the_path: Scalar = None
    path_distance: Scalar = None
    scenario: Scalar = None
    target: Scalar = None
    horizon_months: Scalar = None
    note: Scalar = None
    source: Scalar = None


@worksheet_function(
    FACTOR.but(help=_FACTOR, read=lambda _, value: value, optional=True),
    PATH.but(help=_PATH, optional=True),
    AGAINST_THE_MARKET,
    MONTHS,
    AS_OF,
)
def RUSSELL_TIPPING(
    session: Session, factor: Any, scenario: Any, target: Target, horizon: int | None, as_of: Day
) -> float | Table:
    """What must be true: the change of one factor over the horizon (bp for rates, % for prices), the rest of the path as it is, at which outperformance is as likely as not; without a factor a table of all, with 90 % intervals.

    Returns
    -------
    float or list of list
        `call_fails` says on which side of the shock outperformance is less likely than not. `lower` and `upper` are #N/A where the data cannot bound it.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    question = projection_question(target, as_of, SPEC.read(session, None))
    wanted = scenario_question(session, _path_or_default(scenario), horizon, question)
    if not read.is_blank(factor):
        return model.tipping(session, wanted, factor_in(session, wanted.question, factor)).shock
    rows = list[_Tipping]()
    for name in wanted.question.spec.factors:
        tail = (wanted.scenario.id, target.id, wanted.months)
        try:
            point = model.tipping(session, wanted, name)
        except FitError as exc:
            rows.append(row_of(_Tipping, name, *[None] * 8, *tail, str(exc), source_label(session)))
            continue
        unit = CHANGE_UNIT[point.quote]
        ends = [number(v) for v in (point.lower, point.upper)]
        note = None if ends[0] is not None else "the data cannot bound it: its beta is not told from zero"
        rest = [point.shock_sd, number(point.path_shock), point.path_distance]
        rows.append(
            row_of(_Tipping, name, point.shock, point.fails, *ends, unit, *rest, *tail, note, source_label(session))
        )
    return table_of(_Tipping, rows)


def _probability(_: Session, value: Any) -> float:
    """Read odds strictly between 0 and 1; nothing is one half."""
    if value is None or value == "":  # zero is no blank here: it is refused
        return 0.5
    try:
        odds = float(value) if not isinstance(value, bool) else float("nan")
    except (TypeError, ValueError):
        odds = float("nan")
    if not 0.0 < odds < 1.0:
        raise BadArgumentError(
            f"The argument 'probability' must lie between 0 and 1, such as 0.6 or 60%, and be neither; got "
            f"{read.shown(value)}. No path makes a thing certain."
        )
    return odds


@worksheet_function(
    Parameter("probability", "Odds wanted, between 0 and 1, such as 0.6. Default: 0.5.", _probability, kind="number"),
    PATH.but(help=_PATH, optional=True),
    AGAINST_THE_MARKET,
    statistic(ImpliedStat, "multiple", "multiple (default), lower, upper, distance (sd from no change) or all."),
    MONTHS,
    AS_OF,
)
def RUSSELL_IMPLIED(
    session: Session,
    probability: float,
    scenario: Any,
    target: Target,
    stat: ImpliedStat | All,
    horizon: int | None,
    as_of: Day,
) -> float | Table:
    """What must be true: how many times a path must come for the odds of beating the S&P 500 to be the probability given; with its 90 % interval by the errors of the betas and how far that is from no change; stat "all" gives the table.

    Returns
    -------
    float or list of list
        1 is the path as it is, 0 no change of its factors, below zero its reverse. Of several multiples the smallest. Ends
        of the interval beyond 20 times are #N/A.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    question = projection_question(target, as_of, SPEC.read(session, None))
    wanted = scenario_question(session, _path_or_default(scenario), horizon, question)
    point = model.implied(session, wanted, probability)
    values: dict[str, Scalar] = {
        "multiple": point.multiple, "lower": number(point.lower), "upper": number(point.upper),
        "distance": point.distance,
    }  # fmt: skip
    if stat == "all":
        shown: list[tuple[str, Scalar]] = [
            *values.items(), ("probability", probability), ("scenario", wanted.scenario.id),
            ("path", wanted.scenario.said(wanted.months)), ("target", target.id), ("horizon_months", wanted.months),
            ("source", source_label(session)),
        ]  # fmt: skip
        return [["stat", "value"], *([name, value] for name, value in shown)]
    value = values[stat]
    if value is None:
        raise FitError(
            f"The data cannot bound it: '{stat}' of the multiple lies beyond {model.MOST_MULTIPLE:.0f} times."
        )
    assert isinstance(value, float)
    return value


@dataclass(eq=False, repr=False)
class _BreakEven:
    """One point of the line along which the odds are one half."""

    across: Scalar
    down: Scalar
    lower: Scalar
    upper: Scalar
    across_sd: Scalar
    down_sd: Scalar
    across_factor: Scalar
    across_unit: Scalar
    down_factor: Scalar
    down_unit: Scalar
    call_fails: Scalar
    scenario: Scalar
    target: Scalar
    horizon_months: Scalar
    note: Scalar
    source: Scalar


@worksheet_function(
    FACTOR.but(name="across", help='"growth" (default) or another factor.', read=lambda _, v: v, optional=True),
    FACTOR.but(name="down", help='"inflation" (default) or another factor.', read=lambda _, v: v, optional=True),
    PATH.but(help=f"What the other factors do: {_PATH[:-len('Default: growth_low_inflation.')]}Default: they follow.",
             optional=True),
    AGAINST_THE_MARKET,
    MONTHS.but(help="Months, 1 to 12. Default: the path's, or 3."),
    AS_OF,
)  # fmt: skip
def RUSSELL_BREAKEVEN(
    session: Session, across: Any, down: Any, scenario: Any, target: Target, horizon: int | None, as_of: Day
) -> Table:
    """What must be true: the line of two factors' moves over the horizon (bp for rates, % for prices) along which beating the S&P 500 is as likely as not, with the 90 % band of the second by the errors of the betas.

    Returns
    -------
    list of list
        A row for each half standard deviation of the first factor. `call_fails` says on which side of `down` outperformance
        is less likely than not. lower and upper are #N/A where the data cannot bound it.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    question = projection_question(target, as_of, SPEC.read(session, None))
    blank = not isinstance(scenario, (list, tuple)) and read.is_blank(scenario)
    wanted = (
        ScenarioQuestion(question, Scenario("none", "no path", ()), horizon or DEFAULT_HORIZON)
        if blank
        else scenario_question(session, scenario, horizon, question)
    )
    names = [
        factor_in(session, question, word if not read.is_blank(word) else default)
        for word, default in ((across, "growth"), (down, "inflation"))
    ]
    line = model.breakeven(session, wanted, names[0], names[1])
    rows = list[_BreakEven]()
    for x, y, low, high in zip(line.across, line.down, line.lower, line.upper, strict=True):
        note = None if number(float(low)) is not None else "the data cannot bound it: its beta is not told from zero"
        sds = (float(x) / line.across_sd, float(y) / line.down_sd)
        units = [v for n, q in zip(names, line.quotes, strict=True) for v in (n, CHANGE_UNIT[q])]
        tail = (line.fails, wanted.scenario.id, target.id, wanted.months, note, source_label(session))
        rows.append(
            row_of(_BreakEven, float(x), float(y), number(float(low)), number(float(high)), *sds, *units, *tail)
        )
    return table_of(_BreakEven, rows)


def _path_or_default(scenario: Any) -> Any:
    """Return the path asked for; of nothing, growth without inflation."""
    blank = not isinstance(scenario, (list, tuple)) and read.is_blank(scenario)
    return "growth_low_inflation" if blank else scenario


@worksheet_function(
    AGAINST_THE_MARKET, statistic(NeedleStat, "joint", _WORDS), _MONTHS, AS_OF, _GROWTH_MIN, _INFLATION_MAX
)
def RUSSELL_NEEDLE(
    session: Session,
    target: Target,
    stat: NeedleStat | All,
    horizon: int | None,
    as_of: Day,
    growth_min: float,
    inflation_max: float,
) -> float | dt.date | Table:
    """Odds (0 to 1) of threading the needle over the horizon: growth at least g*, inflation at most p* and outperformance together, from history weighted by today's regimes; also the window alone and outperformance within it.

    Returns
    -------
    float, datetime.date or list of list
        given_window is conditional on the window. Errors are binomial, by the effective number of months.

    Raises
    ------
    BadArgumentError, NoDataError
        See RUSSELL_WHY; the history of the regimes must have been computed.
    """
    question, months = projection_question(target, as_of, SPEC.read(session, None)), horizon or DEFAULT_HORIZON
    odds = model.needle(session, question, months, growth_min, inflation_max)
    values: dict[str, Scalar] = {
        **{n: number(float(v)) for n, v in zip(_NAMES, odds.weighted, strict=True)},
        **{f"{n}_se": number(float(v)) for n, v in zip(_NAMES[:3], odds.errors, strict=False)},
        **{f"{n}_base": number(float(v)) for n, v in zip(_NAMES, odds.plain, strict=True)},
        "effective": odds.effective,
        "nobs": odds.nobs,
        "first_date": date(odds.first),
        "last_date": date(odds.last),
    }
    if stat == "all":
        shown: list[tuple[str, Scalar]] = [
            *values.items(), ("growth_min", growth_min), ("inflation_max", inflation_max), ("target", target.id),
            ("regime_model", REGIME_STATES),
            ("horizon_months", months), ("source", source_label(session)),
        ]  # fmt: skip
        return [["stat", "value"], *([name, value] for name, value in shown)]
    value = values[stat]
    if value is None:
        raise FitError(
            f"No past stretch of {months} months lies in the window (growth at least {growth_min:g} %, inflation at most "
            f"{inflation_max:g} bp)."
        )
    assert isinstance(value, (int, float, dt.date))
    return value


@worksheet_function(AGAINST_THE_MARKET, _MONTHS, AS_OF)
def RUSSELL_NEEDLE_MAP(session: Session, target: Target, horizon: int | None, as_of: Day) -> Table:
    """Map of the probability (0 to 1) of beating the S&P 500, conditional on growth (across) and inflation (down) over the horizon, both in standard deviations; other factors follow. Its one-half line is straight by construction.

    Returns
    -------
    list of list
        First row growth, first column inflation; the corner says what one standard deviation is.

    Raises
    ------
    BadArgumentError, NoDataError, FitError
        See RUSSELL_WHY.
    """
    question = projection_question(target, as_of, SPEC.read(session, None))
    grid = model.needle_map(session, question, horizon or DEFAULT_HORIZON)
    corner = (
        f"P(outperform), {CONDITIONAL}; inflation down (1 sd = {grid.inflation_sd:.1f} bp), growth across "
        f"(1 sd = {grid.growth_sd:.1f} %)"
    )
    steps = [float(v) for v in grid.steps]
    rows = zip(steps, grid.probability.tolist(), strict=True)
    return [[corner, *steps], *([step, *row] for step, row in rows)]
