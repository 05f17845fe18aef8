"""Words that follow from numbers."""

from __future__ import annotations

import itertools
import re
from types import SimpleNamespace
from typing import Any

import pytest

from xl_smallcap import functions
from xl_smallcap.analyses import sentence as words
from xl_smallcap.analyses.sentence import NEWS, Reading, news_word
from xl_smallcap.errors import NoDataError
from xl_smallcap.functions.parameters import TARGET
from xl_smallcap.models.events import EventSlope
from xl_smallcap.session import Session

F: Any = functions


def reading(frequency: str, beta: float, pvalue: float) -> Reading:
    return Reading(frequency, beta, 0.11, pvalue)


@pytest.mark.parametrize(
    ("ones", "said"),
    [
        (
            [("weeks", 0.47, 0.2), ("days", -0.11, 0.3), ("months", 0.2, 0.9)],
            "Inflation: not clear on weeks (+0.47 ± 0.11 % per sd), which lead because odds rest on them; also not "
            "clear on days (-0.11 ± 0.11) and months (+0.20 ± 0.11).",
        ),
        (
            [("weeks", 0.47, 0.05), ("days", -0.11, 0.01), ("months", 0.2, 0.9)],
            "Inflation: positive on weeks (+0.47 ± 0.11 % per sd), which lead because odds rest on them; negative on "
            "days (-0.11 ± 0.11), not clear on months (+0.20 ± 0.11).",
        ),
        ([("days", -0.3, 0.10)], "Inflation: negative on days (-0.30 ± 0.11 % per sd)."),
    ],
)
def test_each_word_follows_from_a_number(
    session: Session, ones: list[tuple[str, float, float]], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "readings", lambda *_: [reading(*one) for one in ones])
    monkeypatch.setattr(words, "news_word", lambda *_: "")
    assert F.RUSSELL_SENTENCE("inflation") == said


@pytest.mark.parametrize("factor", list(NEWS))
@pytest.mark.parametrize(("slope", "clear"), list(itertools.product((0.3, -0.3), (True, False))))
def test_news_is_said_by_sign_and_after_correction(
    session: Session, factor: str, slope: float, clear: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def event(_: Any, kind: str, __: bool) -> SimpleNamespace:
        mine = kind == NEWS[factor][0]
        # p of .04 alone is .12 after three: not clear
        t = 5.0 if mine and clear else 2.07 if mine else 0.5
        return SimpleNamespace(slope=SimpleNamespace(slope=slope, bse=abs(slope) / t, df=200.0))

    monkeypatch.setattr(words, "event_beta", event)
    monkeypatch.setattr(words, "news_panel", lambda *_: None)
    said = news_word(session, factor, TARGET.read(session, "relative"), None)
    _, up, down = NEWS[factor]
    assert said.startswith((up if slope > 0 else down) if clear else ("CPI", "payroll", "Fed"))
    assert ("say nothing clear" in said) is not clear
    assert EventSlope.__dataclass_fields__.keys() >= {"slope", "bse", "df"}


def test_numbers_are_those_of_the_cells(session: Session) -> None:
    said = F.RUSSELL_SENTENCE("easing", "relative", "2024-06-28")
    for window, word in (("104w", "weeks"), (250, "days"), ("60m", "months")):
        beta, upper, p = (
            F.RUSSELL_BETA("easing", "relative", stat, window, "2024-06-28") for stat in ("beta", "upper", "pvalue_bh")
        )
        assert f"{word} ({beta:+.2f} ± {upper - beta:.2f}" in said
        if p <= 0.10:
            assert re.search(rf"{'positive' if beta > 0 else 'negative'} on [^;]*{word}", said)
    assert "Fed days" in said
    assert "Fed" not in F.RUSSELL_SENTENCE("oil")
    assert F.RUSSELL_SENTENCE("credit").startswith("Credit: "), "from the specification that has it"


def test_frequencies_that_cannot_be_fitted_are_left_out(session: Session) -> None:
    said = F.RUSSELL_SENTENCE("growth", "relative", "2010-06-30")
    assert "months" not in said, "five years of months are not there yet"
    with pytest.raises(NoDataError):
        F.RUSSELL_SENTENCE("growth", "relative", "2006-06-30")
