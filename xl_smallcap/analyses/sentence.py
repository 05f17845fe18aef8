"""What a desk would say aloud of one factor: words that follow from numbers by rules (docs/methods.md, Sentences)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.analyses.betas import fit
from xl_smallcap.analyses.events import event_beta, news_panel
from xl_smallcap.analyses.question import Question
from xl_smallcap.data.catalogue import Spec, Target
from xl_smallcap.errors import BadArgumentError, XlSmallcapError
from xl_smallcap.models.inference import holm, student_pvalues
from xl_smallcap.sentences import All, Is, Known, Say, Value, either, say
from xl_smallcap.session import Session
from xl_smallcap.types import Window

FREQUENCIES: tuple[tuple[str, Window], ...] = (
    ("weeks", Window(104, "weekly")), ("days", Window(250, "daily")), ("months", Window(60, "monthly")),
)  # fmt: skip
"""The first leads, because odds and paths rest on it."""
CLEAR_P = 0.10
SINCE = np.datetime64("2006-01-01")
NEWS: dict[str, tuple[str, str, str]] = {
    "inflation": ("cpi", "soft inflation prints have helped", "soft inflation prints have hurt"),
    "growth": ("payrolls", "weak payrolls have helped", "strong payrolls have helped"),
    "easing": ("fomc", "easier Fed days have helped", "easier Fed days have hurt"),
}
"""Factor -> kind of day; what a positive and a negative slope on a fall of the 2-year yield means that day."""


_WHOM = {"relative": "small against large", "hedged": "the Russell less its market beta"}


@dataclass(frozen=True)
class Reading:
    """A beta at one frequency: % per +1 sd, half of its 90 % interval, and its p-value after correction."""

    frequency: str
    beta: float
    half: float
    pvalue: float

    @property
    def word(self) -> str:
        """Positive, negative or not clear."""
        return word("it").text(self.results("it"))

    def results(self, stem: str) -> dict[str, Value]:
        """Return its numbers by name."""
        return {f"{stem}.beta": self.beta, f"{stem}.half": self.half, f"{stem}.p": self.pvalue}


def word(stem: str) -> Say:
    """Say whether a beta is positive, negative or not clear after correction."""
    clear = either(Is(f"{stem}.beta", ">", 0.0), "positive", "negative")
    return either(Is(f"{stem}.p", "<=", CLEAR_P), clear, "not clear")


def numbers(stem: str, unit: str = "") -> Say:
    """Say a beta and half of its interval."""
    return say(f"{{{stem}.beta:+2}} ± {{{stem}.half:2}}{unit}")


def said_on(stem: str, frequency: str, shown: Say) -> Say:
    """Say what a beta is on one frequency, with its numbers."""
    return say(word(stem), f" on {frequency} (", shown, ")")


UNIT = " % per sd"


def short(factor: str, *, intervals: bool = True) -> Say:
    """Say all readings of a factor in at most 25 words, without intervals in at most 15, and no full stop.

    The results are named ``factor.weeks.beta``, ``.half``, ``.p``, and so on for days and months; a frequency that has
    none is left out.
    """
    names = [name for name, _ in FREQUENCIES]
    stems = {name: f"{factor}.{name}" for name in names}
    lead, *others = names
    shown = {
        name: numbers(stem, UNIT if name == lead else "") if intervals else say(f"{{{stem}.beta:+2}}")
        for name, stem in stems.items()
    }
    label = factor.capitalize()
    said = either(Known(f"{stems[lead]}.beta"), said_on(stems[lead], lead, shown[lead]), f"none on {lead}")
    for name in others:
        said += either(Known(f"{stems[name]}.beta"), say(", ", said_on(stems[name], name, shown[name])))
    two, three = others
    none = say(f"{label}: not clear on {lead} (", shown[lead], f"), {two} (", shown[two], f") or {three} (")
    none += say(shown[three], ")")
    unclear = All(tuple(Is(f"{stem}.p", ">", CLEAR_P) for stem in stems.values()))
    return either(unclear, none, say(f"{label}: ", said))


def readings(session: Session, factor: str, target: Target, spec: Spec, as_of: np.datetime64 | None) -> list[Reading]:
    """Return the beta at each frequency that can be fitted, the leading one first."""
    made: list[Reading] = []
    first: XlSmallcapError | None = None
    for name, window in FREQUENCIES:
        try:
            fitted = fit(session, Question(target=target, spec=spec, window=window, as_of=as_of))
        except XlSmallcapError as exc:
            first = first or exc
            continue
        k, one = fitted.position(factor), fitted.fit
        half = float(one.upper[k] - one.params[k])
        made.append(Reading(name, float(one.params[k]), half, float(one.pvalues_bh[k])))
    if not made:
        assert first is not None
        raise first
    return made


def news_word(session: Session, factor: str, target: Target, as_of: np.datetime64 | None) -> str:
    """Say what days of this factor's news have meant since 2006; empty where no kind of day is its own.

    Clear at .10 after Holm over the three kinds. These days have been looked at before: found in these data.
    """
    if factor not in NEWS:
        return ""
    slopes: dict[str, float] = {}
    raw: dict[str, float] = {}
    for name, (kind, *_) in NEWS.items():
        try:
            one = event_beta(news_panel(session, "easing", target, SINCE, as_of), kind, target.market).slope
        except XlSmallcapError:
            continue
        slopes[name] = one.slope
        raw[name] = float(student_pvalues(np.array([one.slope / one.bse]), one.df)[0])
    if factor not in raw:
        return ""
    corrected = dict(zip(raw, holm(list(raw.values())), strict=True))
    kind, up, down = NEWS[factor]
    named = {"cpi": "CPI days", "payrolls": "payroll days", "fomc": "Fed days"}[kind]
    if corrected[factor] > CLEAR_P:
        return f"{named} say nothing clear since 2006"
    whom = _WHOM.get(target.id, target.label)
    return f"{up if slopes[factor] > 0.0 else down} {whom} since 2006 ({named})"


def sentence(session: Session, factor: str, target: Target, spec: Spec, as_of: np.datetime64 | None) -> str:
    """Put the readings of a factor into one sentence, the leading frequency first.

    Raises
    ------
    BadArgumentError
        The factor is not in the specification.
    """
    if factor not in spec.factors:
        raise BadArgumentError(f"Factor '{factor}' is not in specification '{spec.id}'.")
    every = readings(session, factor, target, spec, as_of)
    results: dict[str, Value] = {}
    for one in every:
        results |= one.results(one.frequency)
    lead, *others = every
    said = say(
        f"{factor.replace('_', ' ').capitalize()}: ",
        said_on(lead.frequency, lead.frequency, numbers(lead.frequency, UNIT)),
    )
    if lead.frequency == FREQUENCIES[0][0]:
        said += say(", which lead because odds rest on them")
    groups: dict[str, list[str]] = {}
    for one in others:
        groups.setdefault(one.word, []).append(one.frequency)
    for k, (found, names) in enumerate(groups.items()):
        said += say(", " if k else "; ", "also " if found == lead.word else "", f"{found} on ")
        for n, name in enumerate(names):
            said += say(" and " if n else "", f"{name} (", numbers(name), ")")
    news = news_word(session, factor, target, as_of)
    return (said + say(f"; {news}." if news else ".")).text(results)
