"""Does the small-cap thesis hold, claim by claim? Rules stand here as data, fixed before the numbers were looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xl_smallcap.analyses import betas, levels
from xl_smallcap.analyses.constituents import FEWEST
from xl_smallcap.analyses.dispersion import Spreads
from xl_smallcap.analyses.events import EventBeta, event_beta, news_panel
from xl_smallcap.analyses.positioning import Category, gauge, positions
from xl_smallcap.analyses.question import Question, snapshot_day
from xl_smallcap.analyses.regimes.now import pool_now
from xl_smallcap.analyses.scenarios import projection
from xl_smallcap.analyses.scenarios.projection import ScenarioQuestion, project_path
from xl_smallcap.data.catalogue import Target
from xl_smallcap.errors import NoDataError, XlSmallcapError
from xl_smallcap.models.dispersion import bootstrap_ratio
from xl_smallcap.models.inference import holm, student_quantile, student_upper
from xl_smallcap.session import Session
from xl_smallcap.types import Weighting, Window

Verdict = Literal["supported", "contradicted", "mixed", "unclear", "not tested"]
"""mixed: ways of looking disagree; unclear: the data lie on neither side; not tested: there are none."""
Status = Literal["fixed before looking", "found in these data"]
"""Whether a rule was written before its numbers were seen. What was found by looking decides no claim."""
Day = np.datetime64 | None

CLAIMS = (
    "Growth is positive",
    "Easing is positive",
    "Inflation is negative",
    "Goldilocks is likely",
    "Growth with low inflation beats rebound then pause",
    "Dispersion is more than twice the S&P's",
    "Positioning is light",
    "Short interest is high",
    "Valuation is above average",
    "Earnings estimates are too high",
)
"""In the order of the table."""
NEWS_CLAIMS = (
    ("Soft inflation prints help", "cpi", 1, "untouched"),
    ("Strong payrolls help", "payrolls", -1, "untouched"),
    ("Cuts as such help", "fomc", 1, "mid-caps"),
)
"""A claim, the kind of day, the sign of easing's slope, and the set nobody had looked at that decides it."""
TARGET = "relative"
FREQUENCIES = {"daily": Window(250, "daily"), "monthly": Window(60, "monthly")}
PATHS = ("growth_low_inflation", "rebound_then_pause")
PATH_MONTHS, REGIME_MONTHS, DISPERSION_MONTH = 6, 3, Window(1, "monthly")
HIGH, LOW = 66.7, 33.3
"""Percentiles of the last five years: the upper and the lower third."""
CROWDED_SHORT = 10.0
"""A net short of more % of the open interest is not light, however low or high in its own history."""
NEWS_P = 0.05
MID_CAPS = Target(id="midcaps", label="mid-caps less the S&P 500", legs=(("MDY_ADJ", 1.0), ("SPY_ADJ", -1.0)))
FAR = 0.5
"""Standard deviations from the five-year mean that count as above or below average."""
MOST = 2.0
"""More than twice."""


@dataclass(frozen=True)
class Line:
    """One row: a claim looked at in one way; NaN where there is no number, and `note` says why."""

    claim: str
    basis: str
    definition: str
    statistic: str
    unit: str
    rule: str
    value: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    verdict: Verdict = "not tested"
    last: np.datetime64 | None = None
    note: str = ""
    status: Status = "fixed before looking"


def side(low: float, high: float, threshold: float) -> Verdict:
    """Return the verdict on "more than a threshold": by an interval that lies wholly on one side of it."""
    if low > threshold:
        return "supported"
    return "contradicted" if high < threshold else "unclear"


def opposite(verdict: Verdict) -> Verdict:
    """Return the verdict on the opposite claim."""
    swapped: dict[Verdict, Verdict] = {"supported": "contradicted", "contradicted": "supported"}
    return swapped.get(verdict, verdict)


def overall(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict on a claim looked at in several ways: theirs where all agree.

    Where one could not be tested the others decide nothing: a claim is not supported by the ways that happened to work.
    """
    tested = {v for v in verdicts if v != "not tested"}
    if not tested:
        return "not tested"
    if len(tested) > 1:
        return "mixed"
    return tested.pop() if len(verdicts) == sum(v != "not tested" for v in verdicts) else "unclear"


def thesis(session: Session, as_of: Day) -> list[Line]:
    """Look at every claim of the thesis. A line for which there are no data says so; none is left out."""
    lines = []
    for line, look in _lines(session, as_of):
        try:
            lines.append(look(line))
        except XlSmallcapError as exc:
            lines.append(replace(line, note=str(exc)))
    return lines


Look = Callable[[Line], Line]


def _lines(session: Session, as_of: Day) -> Iterator[tuple[Line, Look]]:
    yield from _beta_lines(session, as_of)
    yield from _regime_lines(session, as_of)
    yield from _path_lines(session, as_of)
    yield from _dispersion_lines(session, as_of)
    yield from _position_lines(session, as_of)
    yield from _gauge_lines(session, as_of)
    yield from _level_lines(session, as_of)
    yield from _news_lines(session, as_of)


_SIGNS = (
    ("Growth is positive", "growth", 1, ""),
    ("Growth is positive", "growth", 1, "growth_metals"),
    ("Easing is positive", "easing", 1, ""),
    ("Inflation is negative", "inflation", -1, ""),
)
_BUILT = {"": "", "growth_metals": ", growth from copper and gold instead of sectors"}


def _beta_lines(session: Session, as_of: Day) -> Iterator[tuple[Line, Look]]:
    catalogue = session.catalogue
    for claim, factor, sign, swap in _SIGNS:
        for basis, window in FREQUENCIES.items():
            spec = catalogue.spec(f"macro:{swap}" if swap else "macro")
            line = Line(
                claim,
                basis,
                f"Beta of Russell less S&P 500 to {swap or factor}, joint, window {window}{_BUILT[swap]}",
                f"beta {swap or factor}",
                "% per +1 sd",
                f"90 % interval wholly {'above' if sign > 0 else 'below'} 0; contradicted: wholly "
                f"{'below' if sign > 0 else 'above'}",
                note="" if swap or factor != "growth" else "The proxy is made of equities: see the copper row.",
            )
            question = Question(catalogue.target(TARGET, session.snapshot.target_frequencies), spec, window, as_of)

            def look(line: Line, question: Question = question, name: str = swap or factor, sign: int = sign) -> Line:
                fitted = betas.fit(session, question)
                i = fitted.position(name)
                low, high = float(fitted.fit.lower[i]), float(fitted.fit.upper[i])
                above = side(low, high, 0.0)
                return replace(
                    line, value=float(fitted.fit.params[i]), lower=low, upper=high, last=fitted.last_date,
                    verdict=above if sign > 0 else opposite(above),
                )  # fmt: skip

            yield line, look


def _regime_lines(session: Session, as_of: Day) -> Iterator[tuple[Line, Look]]:
    line = Line(
        "Goldilocks is likely",
        "pool",
        f"Filtered probability of goldilocks {REGIME_MONTHS} months on, mean of four members; limits are their range",
        "probability",
        "share",
        "every member above .5; contradicted: every one below; mixed: members disagree",
    )

    def look(line: Line) -> Line:
        pool = pool_now(session, as_of)
        each = pool.each(REGIME_MONTHS)[:, 0, 0]
        low, high = float(each.min()), float(each.max())
        told = ", ".join(f"{m} {v:.0%}" for m, v in zip(pool.members, each, strict=True))
        missing = "".join(f" {m} is missing." for m in pool.missing)
        verdict: Verdict = "supported" if low > 0.5 else "contradicted" if high < 0.5 else "mixed"
        day = snapshot_day(session) if as_of is None else as_of
        return replace(
            line, value=float(each.mean()), lower=low, upper=high, verdict=verdict, last=day, note=f"{told}.{missing}"
        )  # fmt: skip

    yield line, look


_PULLED = " pulled towards those of all weeks"


def _path_lines(session: Session, as_of: Day) -> Iterator[tuple[Line, Look]]:
    catalogue = session.catalogue
    target = catalogue.target(TARGET, session.snapshot.target_frequencies)
    question = Question(target, catalogue.spec(catalogue.default_spec), projection.WINDOW, as_of)
    better, worse = PATHS
    for basis, window in (("weekly", projection.WINDOW), *FREQUENCIES.items()):
        pulled = session.settings.scenario_bundle and window == projection.WINDOW
        line = Line(
            "Growth with low inflation beats rebound then pause",
            basis,
            f"Mean projection of Russell less S&P 500 over {PATH_MONTHS} months: path {better} less {worse}, "
            f"betas of window {window}{_PULLED if pulled else ''}, expected factor changes of the weekly model",
            "difference of means",
            "%",
            "90 % interval, of the betas alone, wholly above 0; contradicted: wholly below",
            note="Paths are the user's assumptions, not a forecast by a firm.",
        )

        def look(line: Line, window: Window = window) -> Line:
            one, two = (
                project_path(session, ScenarioQuestion(question, session.scenarios.find(name), PATH_MONTHS))
                for name in PATHS
            )
            apart = one.analytic.expected[-1] - two.analytic.expected[-1]
            fitted = projection.fit(session, replace(question, window=window))
            model = fitted.model
            mean = float(model.beta @ apart)
            df = model.nobs - 1.0 - model.beta.size
            half = float(
                np.sqrt(apart @ model.beta_covariance @ apart) * student_quantile(session.settings.confidence, df)
            )
            low, high = mean - half, mean + half
            return replace(
                line, value=mean, lower=low, upper=high, verdict=side(low, high, 0.0), last=fitted.panel.dates[-1]
            )  # fmt: skip

        yield line, look


def _dispersion_lines(session: Session, as_of: Day) -> Iterator[tuple[Line, Look]]:
    names = {"equal": "standard deviation", "winsor": "winsorised standard deviation", "iqr": "interquartile range"}
    weightings: tuple[Weighting, ...] = ("equal", "winsor", "iqr")
    for weighting in weightings:
        line = Line(
            "Dispersion is more than twice the S&P's",
            weighting,
            f"{names[weighting].capitalize()} of the members' returns over the last month, Russell 2000 over S&P 500",
            "ratio",
            "times",
            "90 % interval (stocks drawn anew) wholly above 2; contradicted: wholly below",
        )

        def look(line: Line, weighting: Weighting = weighting) -> Line:
            spreads = Spreads(session, DISPERSION_MONTH, as_of)
            one, two = spreads.spread("russell"), spreads.spread("sp500")
            value = one.dispersion(weighting) / two.dispersion(weighting)
            settings = session.settings
            low, high = bootstrap_ratio(
                one.returns, two.returns, weighting, settings.bootstrap_draws, settings.seed, settings.confidence
            )
            note = (
                f"{one.membership}; {one.returns.size} and {two.returns.size} stocks, at least {FEWEST} needed; "
                f"{one.flagged} and {two.flagged} left out, whose price moved like a split or merger."
            )
            return replace(
                line, value=value, lower=low, upper=high, verdict=side(low, high, MOST), last=one.end, note=note
            )  # fmt: skip

        yield line, look


def _ranked(value: float, line: Line, last: np.datetime64, high: bool, why: str) -> Line:
    """A percentile read against the outer thirds; `high` where the claim is that it is high."""
    if not np.isfinite(value):
        raise NoDataError(why)
    at_top: Verdict = "supported" if value >= HIGH else "contradicted" if value <= LOW else "unclear"
    return replace(line, value=value, last=last, verdict=at_top if high else opposite(at_top))


def _position_lines(session: Session, as_of: Day) -> Iterator[tuple[Line, Look]]:
    categories: tuple[Category, ...] = ("asset_manager", "leveraged")
    for category in categories:
        line = Line(
            "Positioning is light",
            category,
            f"Net futures position of {category.replace('_', ' ')}s in % of open interest, percentile of 5 years"
            if category == "asset_manager"
            else "Net futures position of leveraged funds in % of open interest, percentile of 5 years",
            "percentile5y",
            "percentile",
            f"at most {LOW} and no net short above {CROWDED_SHORT:.0f} % of open interest; contradicted: at least "
            f"{HIGH}, or such a short (no interval)",
        )

        def look(line: Line, category: Category = category) -> Line:
            positioning = positions(session, category, as_of, last_only=True)
            why = "The last five years have too few CFTC reports for a percentile."
            result = _ranked(float(positioning.percentile[5][-1]), line, positioning.dates[-1], False, why)
            share = float(positioning.net_pct[-1])
            notes = [f"Net {share:+.1f} % of open interest."]
            if share < -CROWDED_SHORT:
                notes.append("A short of that size is crowded, whatever its percentile.")
                result = replace(result, verdict="contradicted")
            if category == "leveraged":
                notes.append("Leveraged shorts include basis trades.")
            silence = positioning.silence(5)
            return replace(result, note=" ".join([*notes, *([silence] if silence else [])]))

        yield line, look


def _gauge_lines(session: Session, as_of: Day) -> Iterator[tuple[Line, Look]]:
    few = "'{}' has too few observations in the last five years for its percentile or z-score."

    def short_interest(line: Line) -> Line:
        reading = gauge(session, "short_interest", as_of)
        return _ranked(reading.percentile[5], line, reading.last, True, few.format("short_interest"))

    yield (
        Line(
            "Short interest is high",
            "own series",
            "Short interest, percentile of 5 years",
            "percentile5y",
            "percentile",
            f"at least {HIGH}; contradicted: at most {LOW} (no interval)",
        ),
        short_interest,
    )
    for name in ("pe_all", "pe_positive"):

        def valuation(line: Line, name: str = name) -> Line:
            reading = gauge(session, name, as_of)
            z = reading.z[5]
            if not np.isfinite(z):
                raise NoDataError(few.format(name))
            verdict: Verdict = "supported" if z >= FAR else "contradicted" if z <= -FAR else "unclear"
            return replace(line, value=z, last=reading.last, verdict=verdict, note=reading.series.rule)

        yield (
            Line(
                "Valuation is above average",
                name,
                f"P/E ({'all members' if name == 'pe_all' else 'members with earnings'}), z-score of 5 years",
                "z5y",
                "sd",
                f"at least {FAR}; contradicted: at most -{FAR} (no interval)",
            ),
            valuation,
        )

    def earnings(line: Line) -> Line:
        reading = gauge(session, "eps_growth", as_of)
        result = _ranked(reading.percentile[5], line, reading.last, True, few.format("eps_growth"))
        if not np.isfinite(reading.revision):
            raise NoDataError("'eps_growth' has no value 13 weeks before its last, so no revision.")
        falls = reading.revision < 0.0 if result.verdict == "supported" else reading.revision > 0.0
        verdict: Verdict = result.verdict if falls else "unclear"
        return replace(
            result, verdict=verdict, note=f"Revision over 13 weeks {reading.revision:+.2f} {reading.series.unit}."
        )

    yield (
        Line(
            "Earnings estimates are too high",
            "own series",
            "Expected earnings growth: percentile of 5 years, and its revision over 13 weeks. Whether estimates were "
            "too high is known only later",
            "percentile5y",
            "percentile",
            f"at least {HIGH} and revised down; contradicted: at most {LOW} and revised up (no interval)",
        ),
        earnings,
    )


def _level_lines(session: Session, as_of: Day) -> Iterator[tuple[Line, Look]]:
    catalogue = session.catalogue
    for claim, factor, sign, swap in _SIGNS:
        if swap:
            continue
        line = Line(
            claim,
            "levels",
            f"Beta of the Russell's level to that of {factor}, joint, window 250; limits hold 90 % of random walks",
            f"levels beta {factor}",
            "% per +1 sd",
            f"beyond noise and {'above' if sign > 0 else 'below'} 0; contradicted: beyond noise on the other side",
            status="found in these data",
        )
        question = Question(
            catalogue.targets["russell"], catalogue.spec(catalogue.default_spec), FREQUENCIES["daily"], as_of
        )

        def look(line: Line, question: Question = question, name: str = factor, sign: int = sign) -> Line:
            fitted = levels.fit(session, question)
            i, fit = fitted.position(name), fitted.fit
            value = float(fit.params[i])
            verdict: Verdict = "unclear"
            if fit.beyond_noise[i]:
                verdict = "supported" if value * sign > 0 else "contradicted"
            return replace(
                line, value=value, lower=float(fit.noise_lower[i]), upper=float(fit.noise_upper[i]), verdict=verdict,
                last=fitted.last_date, note=f"{fit.noise_share[i]:.0%} of random walks do as much.",
            )  # fmt: skip

        yield line, look


def _untouched(session: Session, basis: str) -> tuple[Target, np.datetime64]:
    """Return target and last day of the sets that nobody had looked at when the rules were written."""
    if basis == "untouched":
        return session.catalogue.targets[TARGET], np.datetime64("2005-12-31")
    missing = [s for s, _ in MID_CAPS.legs if s not in session.snapshot]
    if missing:
        raise NoDataError(
            f"The set that decides this claim needs {' and '.join(missing)}, closes with dividends of funds of "
            "mid-caps and the S&P, which are not loaded; add a file with 'xl-smallcap data load FILE --add'."
        )
    return MID_CAPS, np.datetime64("2025-09-30")


def _news_lines(session: Session, as_of: Day) -> Iterator[tuple[Line, Look]]:
    """A claim about news: what the untouched set says, one-sided and after Holm, and what was found since 2006."""

    def slope(basis: str, kind: str) -> EventBeta:
        target, last = _untouched(session, basis)
        day = last if as_of is None else min(last, as_of)
        return event_beta(news_panel(session, "easing", target, None, day), kind, False)

    def pvalues(side: int) -> dict[str, float]:
        each = {}
        for claim, kind, sign, basis in NEWS_CLAIMS:
            try:
                one = slope(basis, kind).slope
                each[claim] = student_upper(side * sign * one.tvalue, one.df)
            except XlSmallcapError:  # what cannot be had still counts as one of the three
                each[claim] = 1.0
        return dict(zip(each, holm(list(each.values())), strict=True))

    for claim, kind, sign, basis in NEWS_CLAIMS:
        days = {"untouched": "to 2005", "mid-caps": "to 2025-09"}[basis]
        who = "Russell less S&P 500" if basis == "untouched" else "Mid-caps less S&P 500"
        decided = Line(
            claim,
            basis,
            f"Slope of {who} on easing, days of {kind}, {days}",
            "slope",
            "% per 10 bp",
            f"one-sided p at most .05 after Holm over three claims, slope {'above' if sign > 0 else 'below'} 0; "
            "contradicted: the same on the other side",
        )

        def look(line: Line, claim: str = claim, kind: str = kind, basis: str = basis) -> Line:
            one = slope(basis, kind)
            ours, theirs = pvalues(1)[claim], pvalues(-1)[claim]
            verdict: Verdict = "supported" if ours <= NEWS_P else "contradicted" if theirs <= NEWS_P else "unclear"
            return replace(_with_slope(session, line, one), verdict=verdict, note=f"p after Holm {ours:.2f}.")

        yield decided, look
        since = replace(
            decided, basis="since 2006",
            definition=f"Slope of Russell less S&P 500 on easing, days of {kind}, since 2006",
            rule="90 % interval wholly on the claim's side of 0; contradicted: wholly on the other",
            status="found in these data",
        )  # fmt: skip

        def later(line: Line, kind: str = kind, sign: int = sign) -> Line:
            panel = news_panel(session, "easing", session.catalogue.targets[TARGET], np.datetime64("2006-01-01"), as_of)
            one = event_beta(panel, kind, False)
            shown = _with_slope(session, line, one)
            above = side(shown.lower, shown.upper, 0.0)
            note = f"{10.0 * one.slope.slope_without_top:+.2f} without the five largest days."
            return replace(shown, verdict=above if sign > 0 else opposite(above), note=note)

        yield since, later


def _with_slope(session: Session, line: Line, one: EventBeta) -> Line:
    slope = one.slope
    half = slope.bse * student_quantile(session.settings.confidence, slope.df)
    low, high = 10.0 * (slope.slope - half), 10.0 * (slope.slope + half)
    return replace(line, value=10.0 * slope.slope, lower=low, upper=high, last=one.last_date)
