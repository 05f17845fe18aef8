"""Published claims, each run as of its own day, in levels and in changes, with what followed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from xl_smallcap.analyses import betas, levels
from xl_smallcap.analyses.fair_value import SUPPORTED, FairValue, FairValueQuestion, fair_value
from xl_smallcap.analyses.levels import EveryWindow
from xl_smallcap.analyses.question import Question, aligned
from xl_smallcap.data.catalogue import Spec
from xl_smallcap.data.claims import Claim
from xl_smallcap.errors import BadArgumentError, NoDataError, XlSmallcapError
from xl_smallcap.session import Session
from xl_smallcap.types import BetaModel, FairValueModel, Window

WINDOW = Window(250, "daily")
MODELS: tuple[BetaModel, BetaModel] = ("levels", "changes")
BEYOND = 0.10
"""Share of noise, and two-sided p, at or below which a beta is clear. Fixed before looking."""
AFTER = (1, 3, 6)
"""Months."""
_NO_FACTOR = "full"


@dataclass(frozen=True)
class Outcome:
    """What one model made of a claim: a beta with how rare noise has as much of it, or a gap; and whether it held."""

    value: float = np.nan
    noise: float = np.nan  # levels: noise_share; changes: two-sided p
    tvalue: float = np.nan
    percentile: float = np.nan
    holds: bool | None = None
    beyond: bool | None = None
    why_not: str = ""


@dataclass(frozen=True)
class ClaimResult:
    """A claim, what both models made of it, and the relative return after it in 100 log."""

    claim: Claim
    spec: str
    outcomes: dict[BetaModel, Outcome]
    relative: dict[int, float] = field(default_factory=dict)

    def said_by(self, what: str) -> str:
        """Which models say something of a claim, in words."""
        answers = {m: getattr(o, what) for m, o in self.outcomes.items()}
        if all(a is None for a in answers.values()):
            return "not tested"
        return " and ".join(m for m, a in answers.items() if a) or "neither"

    @property
    def note(self) -> str:
        """Why a model has no answer; empty where both have one."""
        return " ".join(f"{m}: {o.why_not}" for m, o in self.outcomes.items() if o.why_not)


class _Windows:
    """Every window of a target and specification to one day, computed once for all claims about it."""

    def __init__(self, session: Session, as_of: np.datetime64 | None) -> None:
        self.session, self.as_of = session, as_of
        self.kept: dict[tuple[str, str, BetaModel], EveryWindow] = {}

    def percentile(self, question: Question, model: BetaModel, last: np.datetime64, factor: str) -> float:
        """Where a factor's beta stood on a day among earlier month ends; NaN where there are too few."""
        key = (question.target.id, question.spec.id, model)
        if key not in self.kept:
            self.kept[key] = levels.every_window(self.session, replace(question, as_of=self.as_of), model)
        try:
            place = levels.standing_of(self.kept[key].to(last), question)
        except NoDataError:
            return float("nan")
        return float(place.percentile[place.position(factor)])


def tested_claims(session: Session, as_of: np.datetime64 | None) -> list[ClaimResult]:
    """Run every claim dated by as_of, each knowing nothing later than its own day but what followed."""
    windows = _Windows(session, as_of)
    chosen = [c for c in session.claims.values() if as_of is None or np.datetime64(c.dated) <= as_of]
    if not chosen:
        first = next(iter(session.claims.values()), None)
        raise NoDataError(
            f"No claim is dated by {as_of}; the first is of {first.dated}." if first else "There are no claims."
        )
    return [_tested(session, windows, claim, as_of) for claim in chosen]


def _tested(session: Session, windows: _Windows, claim: Claim, as_of: np.datetime64 | None) -> ClaimResult:
    day = np.datetime64(claim.dated)
    try:
        target = session.catalogue.target(claim.target, session.snapshot.target_frequencies)
        factor = session.catalogue.factor(claim.factor).id if claim.factor else ""
        spec = _spec_with(session, factor)
    except BadArgumentError as exc:  # a person's claim about what the catalogue lacks
        return ClaimResult(claim, "", dict.fromkeys(MODELS, Outcome(why_not=str(exc))), _followed(session, day, as_of))
    question = Question(target, spec, WINDOW, day)
    outcomes: dict[BetaModel, Outcome] = {}
    for model in MODELS:
        try:
            if claim.relation == "rich":
                outcomes[model] = _price(session, question, model)
            else:
                outcomes[model] = _sign(session, windows, question, model, claim, factor)
        except XlSmallcapError as exc:
            outcomes[model] = Outcome(why_not=str(exc))
    return ClaimResult(claim, spec.id, outcomes, _followed(session, day, as_of))


def _spec_with(session: Session, factor: str) -> Spec:
    usual = session.catalogue.spec(session.catalogue.default_spec)
    return usual if not factor or factor in usual.factors else session.catalogue.spec(_NO_FACTOR)


def _price(session: Session, question: Question, model: FairValueModel) -> Outcome:
    value: FairValue = fair_value(session, FairValueQuestion(question, model))
    beyond = value.verdict == SUPPORTED if model == "levels" else None
    return Outcome(value=value.gap_sigma, holds=value.gap > 0.0, beyond=beyond)


def _sign(
    session: Session, windows: _Windows, question: Question, model: BetaModel, claim: Claim, factor: str
) -> Outcome:
    fitted = levels.fit(session, question) if model == "levels" else betas.fit(session, question)
    i = fitted.position(factor)
    value, tvalue = float(fitted.fit.params[i]), float("nan")
    if isinstance(fitted, levels.FittedLevels):
        noise, clear = float(fitted.fit.noise_share[i]), bool(fitted.fit.beyond_noise[i])
    else:
        noise, tvalue = float(fitted.fit.pvalues[i]), float(fitted.fit.tvalues[i])
        clear = noise <= BEYOND
    percentile = windows.percentile(question, model, fitted.last_date, factor)
    if claim.relation == "none":
        return Outcome(value, noise, tvalue, percentile, holds=noise > BEYOND)
    side = 1.0 if claim.relation == "positive" else -1.0
    holds = value * side > 0.0
    beyond = holds and clear
    if claim.increasing:
        if not np.isfinite(percentile):
            few = "too few earlier month ends for a percentile."
            return Outcome(value, noise, tvalue, percentile, beyond=beyond, why_not=few)
        holds = holds and (percentile - 0.5) * side >= 0.0
    return Outcome(value, noise, tvalue, percentile, holds, beyond)


def _followed(session: Session, day: np.datetime64, as_of: np.datetime64 | None) -> dict[int, float]:
    """Relative return from the last close by a day to the last close by so many months later; NaN until it has come."""
    relative = session.catalogue.targets["relative"]
    empty = dict.fromkeys(AFTER, float("nan"))
    try:
        panel = aligned(session, Question(relative, Spec(id="nothing beside", factors=()), WINDOW, as_of))
    except XlSmallcapError:
        return empty
    dates = np.concatenate([panel.starts[:1], panel.dates])
    path = np.concatenate([[0.0], np.cumsum(panel.changes[:, 0])])
    start = int(np.searchsorted(dates, day, side="right")) - 1
    if start < 0:
        return empty
    for months in AFTER:
        until = _months_later(day, months)
        if dates[-1] >= until:
            empty[months] = float(path[int(np.searchsorted(dates, until, side="right")) - 1] - path[start])
    return empty


def _months_later(day: np.datetime64, months: int) -> np.datetime64:
    """The same day of a later month, or that month's last."""
    month = day.astype("datetime64[M]")
    last = (month + months + 1).astype("datetime64[D]") - 1
    return min(np.datetime64((month + months).astype("datetime64[D]") + (day - month.astype("datetime64[D]"))), last)
