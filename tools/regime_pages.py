"""Write docs/regime-tables.md from one's own data.

Load real history, run ``xl-smallcap regime history`` and the same with ``--model hmm``, ``jump`` and
``markov_switching``; then ``python -m tools.regime_pages``. Nothing of the data is written, only what is computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from tools.real_data_tables import rows
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.functions import RUSSELL_REGIME_RETURNS, RUSSELL_REGIME_SCORE, RUSSELL_REGIMES
from xl_smallcap.types import RegimeModel

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "regime-tables.md"
AS_OF = "2025-12-24"
MODELS: tuple[RegimeModel, ...] = get_args(RegimeModel)


def text(value: object, digits: int = 3) -> str:
    """Return a number with so many digits, or n/a."""
    return f"{value:.{digits}f}" if isinstance(value, float) else "n/a" if value is None else str(value)


def score_lines() -> Iterator[str]:
    """Yield the report card of every model."""
    names = ("brier", "brier_climatology", "brier_persistence", "brier_half", "log_loss", "log_loss_climatology",
             "log_loss_persistence", "skill", "tstat")  # fmt: skip
    yield "| model | regime | months ahead | truth | n | forecast | happened | " + " | ".join(names) + " |"
    yield "|---" * (7 + len(names)) + "|"
    for model in MODELS:
        for r in rows(RUSSELL_REGIME_SCORE(None, model)):
            if not str(r["truth"]).startswith(("forecasts", "months")) and not str(r["regime"]).startswith("chain"):
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
            elif str(r["truth"]).startswith("months that"):
                share = text(r["happened"])
                yield f"| {model} | all | months that today's refit names otherwise | {r['n']} | | {share} |"


def return_lines() -> Iterator[str]:
    """Yield returns by regime of the four targets, by the pool."""
    names = ("mean", "se", "sd", "hit", "difference", "tstat")
    yield "| target | regime | months | n | spells | " + " | ".join(names) + " | verdict |"
    yield "|---" * (6 + len(names)) + "|"
    for target in ("russell", "sp500", "relative", "hedged"):
        for r in rows(RUSSELL_REGIME_RETURNS(target)):
            cells = " | ".join(text(r[n], 2) for n in names)
            yield f"| {target} | {r['regime']} | {r['months']} | {r['n']} | {r['spells']} | {cells} | {r['verdict']} |"


def sure_lines() -> Iterator[str]:
    """Yield how sure two states are of themselves, of the data and of data with one regime."""
    yield "| model | chain | months | above .9, data | above .9, data with one regime |"
    yield "|---|---|---|---|---|"
    for model in ("chains", "chains_pce"):
        for r in rows(RUSSELL_REGIME_SCORE(None, model)):
            if str(r["regime"]).startswith("chain of"):
                name = str(r["regime"]).removeprefix("chain of ")
                yield f"| {model} | {name} | {r['n']} | {text(r['sure'])} | {text(r['null_sure'])} |"


def today_lines() -> Iterator[str]:
    """Yield the regimes on the day of all pages."""
    names = [
        "now",
        "90 % interval",
        "range of members",
        "in 3 months",
        "in 6",
        "starts at the best fit",
        "separation, sd",
    ]
    yield "| " + " | ".join(["model", "regime", *names]) + " |"
    yield "|---" * 9 + "|"
    for model in MODELS:
        try:
            tables = [rows(RUSSELL_REGIMES(h, AS_OF, model)) for h in (0, 3, 6)]
        except XlSmallcapError:
            yield f"| {model} | no states that stand apart | n/a | n/a | n/a | n/a | n/a | n/a | n/a |"
            continue
        for now, later, last in zip(*tables, strict=True):
            edges = f"{text(now['lower'])} to {text(now['upper'])}" if now["lower"] is not None else "n/a"
            far = f"{text(now['lowest'])} to {text(now['highest'])}" if now["lowest"] is not None else "n/a"
            values = [text(now["probability"]), edges, far, text(later["probability"]), text(last["probability"])]
            worth = [text(now["starts_reached"], 2), text(now["separation"], 1)]
            yield "| " + " | ".join([model, str(now["regime"]), *values, *worth]) + " |"


def main() -> None:
    """Write the page."""
    parts = [
        "# Regimes on real data, all tables", "",
        "Written by `python -m tools.regime_pages`; [real-data.md](real-data.md) says what they mean, "
        "[methods.md](methods.md) how each is worked out.", "",
        f"## On {AS_OF}, with what was published by then", "", *today_lines(), "",
        "## Report cards", "",
        "Brier score and log loss, lower is better; skill is 1 less Brier over that of climatology, t its Newey-West "
        "t-value.", "", *score_lines(), "",
        "## Reliability, month itself", "", *reliability_lines(), "",
        "## How sure two states are of themselves", "", *sure_lines(), "",
        "## Returns by regime, % a month (log), by the pool", "", *return_lines(), "",
    ]  # fmt: skip
    PAGE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
