"""Factor betas: what they are, how sure, how they moved, between snapshots too, and whether methods agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from xl_smallcap.analyses.question import Question, aligned, check_gaps, check_window
from xl_smallcap.data.panel import Panel
from xl_smallcap.errors import BadArgumentError, FitError, NoDataError, XlSmallcapError
from xl_smallcap.models.estimation import HIGH_VIF
from xl_smallcap.models.factor_fit import Bootstrap, FactorFit, fit_factors, independent_signs
from xl_smallcap.models.inference import counted_regressors, student_quantile
from xl_smallcap.session import Columns, Session
from xl_smallcap.types import OLS, BoolArray, DayArray, FloatArray, Frequency, Method, Window


@dataclass(frozen=True)
class FittedBetas:
    """A fit with the dates and the evidence around it."""

    question: Question
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
        """Return the index of a factor or the market in the arrays."""
        return self.names.index(factor)


@dataclass(frozen=True)
class _Judged:
    """A fit beside the signs of the windows before it."""

    fit: FactorFit
    sign_share: FloatArray
    sign_windows: int


@dataclass(frozen=True)
class History:
    """Betas of every window: per own standard deviation, and each window's standard deviation.

    `half_width` is that of an interval in standard errors, a value a window; `alone` marks windows that were nearly
    singular (or whose components are hardly told apart) and were solved one by one.
    """

    names: tuple[str, ...]
    quotes: tuple[str, ...]
    dates: DayArray
    params: FloatArray
    bse: FloatArray
    factor_sd: FloatArray
    half_width: FloatArray
    alone: BoolArray


def _key(kind: str, session: Session, question: Question, panel: Panel) -> tuple[str, ...]:
    settings = session.settings
    drawn = question.method.name in ("pcr", "pls") and kind == "fit"
    return (
        kind,
        panel.digest,
        str(question.window),
        repr(question.estimator),
        repr(settings.confidence),
        *((str(settings.bootstrap_draws), str(settings.seed)) if drawn else ()),
    )


def errors_of(question: Question, fit: FactorFit) -> str:
    """Say where the standard errors of a fit come from."""
    if question.method.name in ("ols", "univariate"):
        return f"Newey-West, {fit.hac_lags} lags, weighted by leverage"
    return f"moving-block bootstrap, {fit.draws} draws of blocks of {fit.block}, seed {fit.seed}"


def inflation_of(vif: float) -> str:
    """Say that a factor is hardly told apart from the others.

    To follow where the errors come from; empty up to a VIF of 100.
    """
    if vif <= HIGH_VIF:
        return ""
    return f"; VIF {vif:,.0f}: hardly told apart from the other factors"


def flag_of(alone: bool, usable: bool) -> str | None:
    """Say what is unusual about a window of a history."""
    if not usable:
        return "no beta: constant or collinear factors, or a gap"
    return "solved alone: nearly singular, or components hardly told apart" if alone else None


def refuse_univariate() -> NoReturn:
    """Say that there is no joint R² of univariate regressions."""
    raise BadArgumentError(
        "Method 'univariate' is one regression a factor, so there is no joint R²; "
        "use RUSSELL_BETA with stat 'rsquared' for a factor's own."
    )


def fit(session: Session, question: Question) -> FittedBetas:
    """Fit one regression, or return it from the cache."""
    panel = aligned(session, question)
    check_window(session, question, panel)
    check_gaps(question, panel)
    n, confidence = question.window.count, session.settings.confidence
    names = panel.names[1:]

    def compute() -> _Judged:
        y, X = panel.changes[:, 0], panel.changes[:, 1:]
        draws = Bootstrap(session.settings.bootstrap_draws, session.settings.seed)
        now = fit_factors(y[-n:], X[-n:], names, question.estimator, confidence, draws)
        before = independent_signs(y, X, n, panel.gaps, question.estimator)
        signs = np.vstack([np.sign(now.params), before])
        return _Judged(now, np.mean(signs == signs[0], axis=0), len(signs))

    judged = session.get_or_compute(_key("fit", session, question, panel), compute, _Judged)
    return FittedBetas(
        question=question,
        names=names,
        quotes=panel.quotes[1:],
        fit=judged.fit,
        sign_share=judged.sign_share,
        sign_windows=judged.sign_windows,
        first_date=panel.starts[-n],
        last_date=panel.dates[-1],
        notes=panel.notes,
        used=panel.used,
    )


def checks(session: Session, question: Question) -> list[tuple[str, str, FittedBetas | XlSmallcapError]]:
    """Refit with every other construction of each factor, one at a time; nothing for a specification already swapped.

    The alternative factor, the specification that has it, and its fit or why there is none.
    """
    refits: list[tuple[str, str, FittedBetas | XlSmallcapError]] = []
    if question.spec.swapped:
        return refits
    for name in question.spec.factors:
        for other in session.catalogue.factors[name].alternatives:
            spec = session.catalogue.spec(f"{question.spec.id}:{other}")
            try:
                refits.append((other, spec.id, fit(session, replace(question, spec=spec))))
            except XlSmallcapError as exc:
                refits.append((other, spec.id, exc))
    return refits


def out_of_sample_rsquared(session: Session, question: Question) -> float:
    """Share of variance explained by betas fitted on the window before each observation (0 to 1, or below zero).

    1 - SSE/SST over the last `window` observations; y_t is predicted with the intercept and betas of the `window`
    observations before it and the factor changes of t; SST is about the mean of the same window (Campbell and
    Thompson 2008, eq. 1).
    """
    if question.method.name == "univariate":
        refuse_univariate()
    panel = aligned(session, question)
    check_window(session, question, panel)
    check_gaps(question, panel, windows=2)
    n = question.window.count
    if panel.dates.size < 2 * n:
        raise NoDataError(
            f"The out-of-sample R² of window {question.window} needs {2 * n} changes; there are {panel.dates.size}."
        )
    y, X = panel.changes[-2 * n :, 0], panel.changes[-2 * n :, 1:]
    from xl_smallcap.models.rolling import rolling_fit  # one beta needs no history

    rolled, _ = rolling_fit(y[:-1], X[:-1], n, question.estimator)
    predicted = rolled.const + (X[n:] * rolled.params).sum(axis=1)
    means = np.lib.stride_tricks.sliding_window_view(y[:-1], n).mean(axis=1)
    if not np.isfinite(predicted).all():
        raise FitError("A window before this one has constant or collinear factors, so there is no out-of-sample R².")
    return 1.0 - float(((y[n:] - predicted) ** 2).sum() / ((y[n:] - means) ** 2).sum())


def history(session: Session, question: Question) -> History:
    """Fit every window up to `as_of` at once. Agrees with single fits to 1e-10."""
    panel = aligned(session, question)
    check_window(session, question, panel)
    n, confidence = question.window.count, session.settings.confidence

    def compute() -> Columns:
        y, X = panel.changes[:, 0], panel.changes[:, 1:]
        from xl_smallcap.models.rolling import rolling_fit

        rolled, bse = rolling_fit(y, X, n, question.estimator, errors=True)
        assert bse is not None
        for gap in panel.gaps:  # a window across a gap is no window of that frequency
            across = slice(max(0, int(gap) - n + 1), int(gap))
            rolled.params[across] = np.nan
        counted = counted_regressors(question.estimator, X.shape[1], rolled.components)
        half = {k: student_quantile(confidence, float(n - 1 - k)) for k in np.unique(counted)}
        return {
            "params": rolled.params * rolled.factor_sd,
            "bse": bse * rolled.factor_sd,
            "factor_sd": rolled.factor_sd,
            "half_width": np.array([half[k] for k in counted]),
            "alone": rolled.alone.astype(np.float64),
        }

    kept = session.get_or_compute(_key("history", session, question, panel), compute, dict)
    return History(
        names=panel.names[1:],
        quotes=panel.quotes[1:],
        dates=panel.dates[n - 1 :],
        params=kept["params"],
        bse=kept["bse"],
        factor_sd=kept["factor_sd"],
        half_width=kept["half_width"],
        alone=kept["alone"] > 0,
    )


FEWEST_PAIRS = 8
"""Pairs of neighbouring windows that a share of them needs."""


def next_window_coverage(session: Session, question: Question, name: str) -> float:
    """Return how often the next window's beta was within both errors of a window's own (0 to 1; nominal 0.9).

    Of disjoint windows counted back from the last, in the factor's own unit, so that its volatility plays no part.
    Where betas are constant it is the confidence of the intervals; lower says that they move.
    """
    if question.method.name not in ("ols", "univariate"):
        raise BadArgumentError(
            f"'next_window_coverage' is of methods 'ols' and 'univariate', not '{question.method.name}'."
        )
    past = history(session, question)
    k = past.names.index(name)
    last = np.arange(past.dates.size - 1, -1, -question.window.count)[::-1]
    beta, se = (part[last, k] / past.factor_sd[last, k] for part in (past.params, past.bse))
    moved = np.abs(np.diff(beta)) / np.sqrt(se[1:] ** 2 + se[:-1] ** 2)
    there = np.isfinite(moved)
    if there.sum() < FEWEST_PAIRS:
        raise NoDataError(
            f"'next_window_coverage' needs {FEWEST_PAIRS} pairs of windows of {question.window} that do not overlap; "
            f"by {past.dates[-1]} there are {int(there.sum())}."
        )
    return float((moved[there] <= past.half_width[last][1:][there]).mean())


# -- Which betas moved between two snapshots, and was it the data or the window?


_CLEAR_SHARE = 0.8
"""One part alone is named as the cause where it makes up so much of the two."""
_WINDOW = Window(250, "daily")


@dataclass(frozen=True)
class Moved:
    """One beta, % per +1 standard deviation of its window, before and after; `se` is the standard error before."""

    target: str
    factor: str
    before: float
    after: float
    from_data: float
    from_window: float
    se: float
    before_date: np.datetime64
    after_date: np.datetime64
    why_not: str = ""

    @property
    def cause(self) -> str:
        """data, window, data and window, or nothing."""
        data, window = abs(self.from_data), abs(self.from_window)
        if data + window == 0.0:
            return "nothing"
        share = data / (data + window)
        return "data" if share >= _CLEAR_SHARE else "window" if share <= 1.0 - _CLEAR_SHARE else "data and window"

    @property
    def moved(self) -> bool:
        """Whether the beta moved by more than its standard error."""
        return bool(abs(self.after - self.before) > self.se)


def _cut(panel: Panel, last: np.datetime64) -> Panel:
    """The panel up to a day, its values as they are known now."""
    n, levels = int(np.searchsorted(panel.dates, last, "right")), int(np.searchsorted(panel.level_dates, last, "right"))
    return replace(
        panel,
        dates=panel.dates[:n],
        starts=panel.starts[:n],
        changes=panel.changes[:n],
        level_dates=panel.level_dates[:levels],
        levels=panel.levels[:levels],
        gaps=panel.gaps[panel.gaps < n],
        digest="",
    )


def _fit(session: Session, question: Question, panel: Panel) -> FactorFit:
    check_window(session, question, panel)
    check_gaps(question, panel)
    n = question.window.count
    draws = Bootstrap(session.settings.bootstrap_draws, session.settings.seed)
    y, X = panel.changes[-n:, 0], panel.changes[-n:, 1:]
    return fit_factors(y, X, panel.names[1:], question.estimator, session.settings.confidence, draws)


def changes(before: Session, after: Session) -> Iterator[Moved]:
    """Compare every target's betas of the default specification.

    A factor of a target; a target that one of the snapshots cannot fit is one row that says why.
    """
    catalogue = after.catalogue
    if not catalogue.targets:
        raise NoDataError("The catalogue has no target.")
    for target in catalogue.targets.values():
        question = Question(target, catalogue.spec(catalogue.default_spec), _WINDOW, None)
        try:
            old, new = aligned(before, question), aligned(after, question)
            last = _last(old.level_dates)
            if _last(new.level_dates) < last:
                raise BadArgumentError(
                    f"The later snapshot ends on {_last(new.level_dates)}, before the earlier one ({last}); give them "
                    "the other way round."
                )
            fits = _fit(before, question, old), _fit(after, question, _cut(new, last)), _fit(after, question, new)
        except XlSmallcapError as exc:
            nan, day = float("nan"), np.datetime64("NaT", "D")
            yield Moved(target.id, "", nan, nan, nan, nan, nan, day, day, str(exc))
            continue
        first, middle, final = (f.params for f in fits)
        for k, name in enumerate(new.names[1:]):
            yield Moved(
                target=target.id,
                factor=name,
                before=float(first[k]),
                after=float(final[k]),
                from_data=float(middle[k] - first[k]),
                from_window=float(final[k] - middle[k]),
                se=float(fits[0].bse[k]),
                before_date=last,
                after_date=_last(new.level_dates),
            )


def _last(days: DayArray) -> np.datetime64:
    day: np.datetime64 = days[-1]
    return day


# -- Do methods and frequencies agree about a factor?


OTHER_WINDOWS: dict[Frequency, Window] = {
    "daily": Window(250, "daily"),
    "weekly": Window(104, "weekly"),
    "monthly": Window(60, "monthly"),
}
"""Windows of the frequencies that were not asked for."""


@dataclass(frozen=True)
class Compared:
    """One way to estimate the same beta.

    `role` is "asked" (ols in the window asked for), "method", "components" (another number of them) or "frequency".
    """

    role: str
    question: Question
    fitted: FittedBetas | XlSmallcapError
    flag: str


def _flag(reference: FittedBetas, other: FittedBetas, factor: str) -> str:
    i, j = reference.position(factor), other.position(factor)
    one, two = reference.fit, other.fit
    if np.sign(one.params[i]) == np.sign(two.params[j]):
        return "same sign"
    clear = one.lower[i] * one.upper[i] > 0 and two.lower[j] * two.upper[j] > 0
    return "sign conflict, both intervals clear of zero" if clear else "sign conflict"


def _variants(session: Session, question: Question) -> list[tuple[str, Question]]:
    """The questions to ask: methods in the window asked for, other numbers of components, other frequencies."""
    plain = [OLS, Method("univariate"), Method("pcr"), Method("pls")]
    by_method = [("asked" if m.name == "ols" else "method", replace(question, method=m)) for m in plain]
    variants = list(by_method)
    for name in ("pcr", "pls"):
        try:
            usual = fit(session, replace(question, method=Method(name))).fit.components
        except XlSmallcapError:
            continue
        numbers = [k for k in (usual - 1, usual + 1) if 1 <= k <= len(question.spec.factors)]
        variants += [("components", replace(question, method=Method(name, k))) for k in numbers]
    for frequency, window in OTHER_WINDOWS.items():
        if frequency != question.window.frequency:
            variants += [("frequency", replace(question, method=m, window=window)) for m in plain]
    return variants


def compare_methods(session: Session, question: Question, factor: str) -> list[Compared]:
    """Estimate one beta by every method, with other numbers of components, and at every frequency.

    The first is ols in the window asked for; signs are compared with it.
    """
    reference = fit(session, replace(question, method=OLS))
    comparisons = []
    for role, variant in _variants(session, question):
        if role == "asked":
            comparisons.append(Compared(role, variant, reference, "reference"))
            continue
        try:
            fitted = fit(session, variant)
            comparisons.append(Compared(role, variant, fitted, _flag(reference, fitted, factor)))
        except XlSmallcapError as exc:
            comparisons.append(Compared(role, variant, exc, str(exc)))
    return comparisons
