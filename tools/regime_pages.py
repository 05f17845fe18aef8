"""Write docs/regime-tables.md and docs/images/regimes.svg from one's own data.

Load real history and run ``xl-smallcap regime history`` first; then ``python -m tools.regime_pages``. Nothing of the
data is written, only what is computed from it, and the NBER's recessions as grey in the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np

from tools.real_data_tables import rows
from xl_smallcap.analyses.regime_history import RegimeHistory, regime_history
from xl_smallcap.analyses.regimes import REGIMES
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.functions import (
    RUSSELL_REGIME_RETURNS,
    RUSSELL_REGIME_SCORE,
    RUSSELL_REGIMES,
)
from xl_smallcap.session import current_session
from xl_smallcap.types import BoolArray, RegimeModel

DOCS = Path(__file__).parents[1] / "docs"
PAGE, PICTURE = DOCS / "regime-tables.md", DOCS / "images" / "regimes.svg"
AS_OF = "2025-12-24"
FIRST = np.datetime64("1990-01", "M")
COLOURS = {"goldilocks": "#2a9d8f", "reflation": "#e9a23b", "slowdown": "#5b6c9e"}
MODELS: tuple[RegimeModel, ...] = get_args(RegimeModel)


def text(value: object, digits: int = 3) -> str:
    """Return a number with so many digits, or n/a."""
    return f"{value:.{digits}f}" if isinstance(value, float) else "n/a" if value is None else str(value)


def picture(told: RegimeHistory, recession: BoolArray) -> str:
    """Return the stacked probabilities as SVG, recessions hatched over them."""
    months = told.days.astype("datetime64[M]")
    kept = months >= FIRST
    p, bad, months = told.probabilities[:3, kept], recession[kept], months[kept]
    step, left, top, high = 2, 40, 30, 220
    width = months.size * step
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + left + 10} {high + top + 50}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width + left + 10}" height="{high + top + 50}" fill="#fff"/>',
    ]
    for i in range(months.size):
        if not np.isfinite(p[:, i]).all():
            continue
        y = float(top)
        for k, name in enumerate(REGIMES):
            tall = high * float(p[k, i])
            out.append(
                f'<rect x="{left + i * step}" y="{y:.1f}" width="{step}" height="{tall:.1f}" fill="{COLOURS[name]}"/>'
            )
            y += tall
    for i in np.flatnonzero(bad).tolist():
        out.append(
            f'<rect x="{left + i * step}" y="{top - 8}" width="{step}" height="{high + 16}" fill="#000" opacity=".28"/>'
        )
    for i, month in enumerate(months):
        if int(month.astype(int)) % 60 == 0:
            out.append(f'<text x="{left + i * step}" y="{top + high + 22}">{str(month)[:4]}</text>')
    for share in (0, 50, 100):
        out.append(f'<text x="2" y="{top + high * (1 - share / 100) + 4:.0f}">{share} %</text>')
    for k, name in enumerate(REGIMES):
        x = left + 110 * k
        out.append(f'<rect x="{x}" y="{top + high + 32}" width="10" height="10" fill="{COLOURS[name]}"/>')
        out.append(f'<text x="{x + 14}" y="{top + high + 41}">{name}</text>')
    out.append(f'<rect x="{left + 330}" y="{top + high + 32}" width="10" height="10" fill="#000" opacity=".28"/>')
    out.append(f'<text x="{left + 344}" y="{top + high + 41}">NBER recession (dated later)</text>')
    out.append(f'<text x="{left}" y="16">Regimes at each month end, as they could be told then (model chains)</text>')
    return "\n".join([*out, "</svg>", ""])


def score_lines() -> Iterator[str]:
    """Yield the report card of every model."""
    names = ("brier", "brier_climatology", "brier_persistence", "brier_half", "log_loss", "log_loss_climatology",
             "log_loss_persistence", "skill", "tstat")  # fmt: skip
    yield "| model | regime | months ahead | truth | n | forecast | happened | " + " | ".join(names) + " |"
    yield "|---" * (7 + len(names)) + "|"
    for model in MODELS:
        for r in rows(RUSSELL_REGIME_SCORE(None, model)):
            if not str(r["truth"]).startswith(("forecasts", "months")):
                cells = [text(r[n]) for n in ("forecast", "happened", *names)]
                head = [model, r["regime"], str(r["horizon_months"]), r["truth"], str(r["n"])]
                yield "| " + " | ".join([*head, *cells]) + " |"


def reliability_lines() -> Iterator[str]:
    """Yield how often forecasts came true, and how many months today's refit would rename."""
    yield "| model | regime | forecasts | n | mean forecast | happened |"
    yield "|---|---|---|---|---|---|"
    for model in MODELS:
        for r in rows(RUSSELL_REGIME_SCORE(None, model)):
            if str(r["truth"]).startswith("forecasts") and r["horizon_months"] == 0:
                said = str(r["truth"]).removeprefix("forecasts of ")
                tail = f"{text(r['forecast'])} | {text(r['happened'])}"
                yield f"| {model} | {r['regime']} | {said} | {r['n']} | {tail} |"
            elif str(r["truth"]).startswith("months"):
                share = text(r["happened"])
                yield f"| {model} | all | months that today's refit names otherwise | {r['n']} | | {share} |"


def return_lines() -> Iterator[str]:
    """Yield returns by regime of the four targets, model chains."""
    names = ("mean", "se", "sd", "hit", "difference", "tstat")
    yield "| target | regime | months | n | spells | " + " | ".join(names) + " | verdict |"
    yield "|---" * (6 + len(names)) + "|"
    for target in ("russell", "sp500", "relative", "hedged"):
        for r in rows(RUSSELL_REGIME_RETURNS(target)):
            cells = " | ".join(text(r[n], 2) for n in names)
            yield f"| {target} | {r['regime']} | {r['months']} | {r['n']} | {r['spells']} | {cells} | {r['verdict']} |"


def today_lines() -> Iterator[str]:
    """Yield the regimes on the day of all pages."""
    yield "| model | regime | now | 90 % interval | in 3 months | in 6 | starts at the best fit | separation, sd |"
    yield "|---|---|---|---|---|---|---|---|"
    for model in MODELS:
        try:
            tables = [rows(RUSSELL_REGIMES(h, AS_OF, model)) for h in (0, 3, 6)]
        except XlSmallcapError:
            yield f"| {model} | no states that stand apart | n/a | n/a | n/a | n/a | n/a | n/a |"
            continue
        for now, later, last in zip(*tables, strict=True):
            edges = f"{text(now['lower'])} to {text(now['upper'])}" if now["lower"] is not None else "n/a"
            values = [text(now["probability"]), edges, text(later["probability"]), text(last["probability"])]
            worth = [text(now["starts_reached"], 2), text(now["separation"], 1)]
            yield "| " + " | ".join([model, str(now["regime"]), *values, *worth]) + " |"


def main() -> None:
    """Write both."""
    session = current_session()
    session.follow()
    told = regime_history(session, "chains", None)
    dated = session.snapshot.series("USREC")
    months = dated.dates.astype("datetime64[M]").tolist()
    recession = {m for m, v in zip(months, dated.values, strict=True) if v > 0.5}
    bad = np.array([m in recession for m in told.days.astype("datetime64[M]").tolist()])
    PICTURE.write_text(picture(told, bad), encoding="utf-8")
    parts = [
        "# Regimes on real data, all tables", "",
        "Written by `python -m tools.regime_pages`; [real-data.md](real-data.md) says what they mean, "
        "[methods.md](methods.md) how each is worked out.", "",
        f"## On {AS_OF}, with what was published by then", "", *today_lines(), "",
        "## Report cards", "",
        "Brier score and log loss, lower is better; skill is 1 less Brier over that of climatology, t its Newey-West "
        "t-value.", "", *score_lines(), "",
        "## Reliability, month itself", "", *reliability_lines(), "",
        "## Returns by regime, % a month (log), model chains", "", *return_lines(), "",
    ]  # fmt: skip
    PAGE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
