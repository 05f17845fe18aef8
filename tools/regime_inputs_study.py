"""Print what other series for growth and inflation would have done to the regimes, on one's own data.

``python -m tools.regime_inputs_study``, some seconds a row; the choice it is about is in docs/methods.md, Regimes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from unittest import mock

import numpy as np

from xl_smallcap.analyses.regimes import inputs
from xl_smallcap.analyses.regimes.inputs import Inputs, macro_inputs
from xl_smallcap.analyses.regimes.record import regime_history, report_card
from xl_smallcap.session import Session, current_session
from xl_smallcap.types import FloatArray

GROWTH = (("CFNAI", 0), ("CFNAI", 3), ("INDPRO", 6), ("PAYEMS", 6))
INFLATION = (("CPILFESL", 3), ("CPILFESL", 6), ("CPILFESL", 12), ("CPIAUCSL", 6), ("PCEPILFE", 6))


def changed(levels: FloatArray, months: int) -> FloatArray:
    """Return annualised log changes in % over some months; of none, the series itself."""
    if months == 0:
        return levels
    out = np.full(levels.size, np.nan)
    out[months:] = 1200.0 / months * np.log(levels[months:] / levels[:-months])
    return out


def averaged(values: FloatArray, months: int) -> FloatArray:
    """Return the mean of each month and those before it."""
    out = values.copy()
    for k in range(1, months):
        out[k:] += values[:-k]
    out[: months - 1] = np.nan
    return out


def variant(growth: tuple[str, int], inflation: tuple[str, int], session: Session) -> list[object]:
    """Score model chains with other inputs.

    Brier against the NBER, its n, reflation's changes of state, month ends told reflation in 2021 to 2024.
    """

    def read(session: Session, day: np.datetime64 | None, month: np.datetime64 | None = None) -> Inputs:
        original = macro_inputs(session, day, month)
        first, size = int(original.months[0].astype(np.int64)), original.months.size
        parts = []
        for name, span in (growth, inflation):
            grid = inputs._grid(*inputs._monthly(session, name, day), first, size)
            parts.append(averaged(grid, span) if name == "CFNAI" and span else changed(grid, span))
        return inputs._enough(dataclasses.replace(original, growth=parts[0], inflation=parts[1]), day, month_given=True)

    with mock.patch("xl_smallcap.analyses.regimes.now.macro_inputs", read):
        history = regime_history(session, "chains", None, lambda *_: None)
        card = next(c for c in report_card(session, "chains", None) if c.truth == "NBER recession")
    high = history.probabilities[1] + np.nan_to_num(history.probabilities[3]) > 0.5
    years = history.days.astype("datetime64[Y]").astype(np.int64) + 1970
    late = history.days[high & (years >= 2021)]
    turns = int(np.abs(np.diff(high.astype(np.int64))).sum())
    return [card.n, round(card.brier, 4), turns, str(late[0])[:7], str(late[-1])[:7]]


def rows() -> Iterator[str]:
    """Yield a line a variant."""
    session = current_session()
    session.follow()
    yield "| growth | inflation | n | Brier, slowdown against NBER | turns of high inflation | from | to |"
    yield "|---|---|---|---|---|---|---|"
    pairs = [(g, ("CPILFESL", 6)) for g in GROWTH] + [(("CFNAI", 0), p) for p in INFLATION if p != ("CPILFESL", 6)]
    for growth, inflation in pairs:
        cells = variant(growth, inflation, session)
        said = [f"{name}, {span} months" if span else name for name, span in (growth, inflation)]
        yield "| " + " | ".join(map(str, [*said, *cells])) + " |"


if __name__ == "__main__":
    for line in rows():
        print(line)
