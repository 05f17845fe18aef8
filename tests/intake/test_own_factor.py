"""A factor of the user's own: the TOML of docs/factors.md, on an invented market."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import num
from tests.intake.desk import Desk, Rows, days, market, one, write
from xl_smallcap.data.catalogue import load_catalogue
from xl_smallcap.errors import BadArgumentError, CatalogueError, NoDataError
from xl_smallcap.functions import (
    RUSSELL_ATTRIBUTION,
    RUSSELL_BETA,
    RUSSELL_BETAS,
    RUSSELL_FACTOR,
    RUSSELL_FACTORS,
    RUSSELL_PROJECTION,
    RUSSELL_TIPPING,
)
from xl_smallcap.types import BetaStat, BetaUnit

DOCS = Path(__file__).parents[2] / "docs" / "factors.md"
BLOCKS = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


def conditions() -> Rows:
    """An invented index of conditions, a value a Friday."""
    dates = days()
    fridays = dates[(dates.view(np.int64) + 3) % 7 == 4]
    values = -0.5 + np.cumsum(np.random.default_rng(8).normal(0, 0.02, fridays.size))
    return [(str(d), round(float(v), 5)) for d, v in zip(fridays, values, strict=True)]


@pytest.fixture
def own(desk: Desk, tmp_path: Path) -> Desk:
    """The market with a longer yield, an own price and an index of conditions, and the three factors of the docs."""
    rng, dates = np.random.default_rng(9), days()
    ten = market()["DGS2"] + 0.4 + np.cumsum(rng.normal(0, 0.02, dates.size))
    chips = 300.0 * np.exp(np.cumsum(rng.normal(0, 1.4, dates.size)) / 100.0)
    rows = [(str(d), round(float(a), 4), round(float(b), 4)) for d, a, b in zip(dates, ten, chips, strict=True)]
    write(tmp_path / "own" / "daily.csv", ["date", "DGS10", "CHIPS"], rows)
    one(tmp_path / "own", "NFCI", conditions())
    assert desk.add(tmp_path / "own") == 0, desk.said
    (desk.home / "catalogue.toml").write_text("".join(BLOCKS), encoding="utf-8")
    return desk


def test_each_is_eight_lines() -> None:
    assert [len(b.strip().splitlines()) for b in BLOCKS] == [8, 8, 8]


def by_hand(names: tuple[str, ...], extra: np.ndarray, window: int) -> float:
    """The last beta of a joint regression of the relative return, per standard deviation."""
    series = market()
    logs = {k: 100.0 * np.log(v) for k, v in series.items()}
    cyclical = sum(logs[f"{n}_ADJ"] for n in ("XLI", "XLY", "XLB", "XLF")) / 4.0
    defensive = sum(logs[f"{n}_ADJ"] for n in ("XLU", "XLP", "XLV")) / 3.0
    factors = {
        "growth": cyclical - defensive, "inflation": 100.0 * series["T5YIE"], "easing": -100.0 * series["DGS2"],
        "dollar": logs["DTWEXBGS"], "oil": logs["DCOILWTICO"],
    }  # fmt: skip
    X = np.column_stack([np.diff(factors[n]) if n in factors else np.diff(extra) for n in names])[-window:]
    y = np.diff(logs["RUT"] - logs["GSPC"])[-window:]
    X = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    coefficients = np.linalg.lstsq(np.column_stack([np.ones(window), X]), y, rcond=None)[0]
    return float(coefficients[1 + [n not in factors for n in names].index(True)])


def test_a_yield_and_a_price(own: Desk) -> None:
    own.run("data", "status")
    ten = np.array(list(own.values("DGS10").values()))
    wanted = by_hand(("growth", "inflation", "curve", "dollar", "oil"), 100.0 * (ten - market()["DGS2"]), 250)
    assert RUSSELL_BETA("curve", "relative", None, None, None, None, None, "macro_curve") == pytest.approx(
        wanted, rel=1e-9
    )
    chips = 100.0 * np.log(np.array(list(own.values("CHIPS").values())))
    wanted = by_hand(("growth", "inflation", "easing", "chips"), chips - 100.0 * np.log(market()["GSPC"]), 250)
    assert RUSSELL_BETA("chips", "relative", None, None, None, None, None, "macro_chips") == pytest.approx(
        wanted, rel=1e-9
    )


def test_an_index_of_conditions_in_points(own: Desk) -> None:
    own.run("data", "status")

    def beta(stat: BetaStat, unit: BetaUnit | None = None) -> Any:
        return RUSSELL_BETA("conditions", "relative", stat, "52w", None, None, None, "macro_conditions", unit)

    series, dates = market(), days()
    weekly = dict(conditions())
    fridays = [k for k, d in enumerate(map(str, dates)) if d in weekly][-53:]
    logs = {k: 100.0 * np.log(v[fridays]) for k, v in series.items()}
    growth = (
        sum(logs[f"{n}_ADJ"] for n in ("XLI", "XLY", "XLB", "XLF")) / 4.0
        - sum(logs[f"{n}_ADJ"] for n in ("XLU", "XLP", "XLV")) / 3.0
    )
    nfci = np.array([weekly[str(dates[k])] for k in fridays])
    columns = [growth, 100.0 * series["T5YIE"][fridays], -100.0 * series["DGS2"][fridays], nfci]
    X = np.diff(np.column_stack(columns), axis=0)
    sd = X.std(axis=0, ddof=1)
    X = (X - X.mean(axis=0)) / sd
    y = np.diff(logs["RUT"] - logs["GSPC"])
    wanted = np.linalg.lstsq(np.column_stack([np.ones(52), X]), y, rcond=None)[0][4]
    assert beta("beta") == pytest.approx(wanted, rel=1e-9)
    table = RUSSELL_BETAS("relative", "52w", None, None, None, "macro_conditions")
    row = next(dict(zip(table[0], r, strict=True)) for r in table if r[0] == "conditions")
    assert row["factor_sd"] == pytest.approx(sd[3], rel=1e-9), "points, not hundredths of them"
    assert row["factor_unit"] == "pt"
    assert beta("beta", "1pt") == pytest.approx(wanted / sd[3], rel=1e-9)
    native = RUSSELL_BETAS("relative", "52w", None, None, None, "macro_conditions", "native")
    assert next(dict(zip(native[0], r, strict=True)) for r in native if r[0] == "conditions")["unit"] == "% per +1 pt"
    with pytest.raises(BadArgumentError, match="'conditions' is measured in points; use unit '1pt'"):
        beta("beta", "10bp")
    assert RUSSELL_FACTOR("conditions") == list(weekly.values())[-1], "the level as it is published"
    factors = {row[0]: row for row in RUSSELL_FACTORS()}
    head = RUSSELL_FACTORS()[0]
    assert factors["conditions"][head.index("level_unit")] == "points"
    assert factors["conditions"][head.index("change_unit")] == "pt"


def test_projection_attribution_and_tipping_point_in_points(own: Desk) -> None:
    own.run("data", "status")
    rows = RUSSELL_PROJECTION([["conditions", 0.1, "pt"]], None, "all", None, None, spec="macro_conditions")
    assert isinstance(rows, list)
    units = {row[0]: row[2] for row in rows}
    assert units["expected:conditions"] == "pt"
    with pytest.raises(BadArgumentError, match="measured in points, so its shock needs the unit 'pt' or 'sd'"):
        RUSSELL_PROJECTION([["conditions", 10.0, "bp"]], None, "mean", None, None, spec="macro_conditions")
    table = RUSSELL_ATTRIBUTION("2025-06-30", None, "relative", "52w", None, "macro_conditions")
    row = next(r for r in table if r[0] == "conditions")
    assert "% per 1 pt" in row
    assert num(row[1]) != 0.0
    assert isinstance(RUSSELL_TIPPING("growth"), float), "the default specification is as it was"


@pytest.mark.parametrize("window", [250, "250d", None])
def test_a_weekly_series_in_a_daily_window_is_refused_with_the_window_that_works(own: Desk, window: Any) -> None:
    own.run("data", "status")
    with pytest.raises(BadArgumentError, match=r'NFCI of specification .macro_conditions. is weekly.*"52w"'):
        RUSSELL_BETA("conditions", "relative", None, window, None, None, None, "macro_conditions")
    assert isinstance(RUSSELL_BETA("conditions", "relative", None, "52w", None, None, None, "macro_conditions"), float)


def test_a_monthly_series_names_its_window(own: Desk) -> None:
    text = "".join(BLOCKS).replace("NFCI = 1", "CFNAI = 1")
    (own.home / "catalogue.toml").write_text(text, encoding="utf-8")
    own.add(
        one(own.home.parent / "m", "CFNAI", [(f"{y}-{m:02}-01", 0.1 * m) for y in (2023, 2024) for m in range(1, 13)])
    )
    own.run("data", "status")
    for window in (250, "52w"):
        with pytest.raises(BadArgumentError, match='CFNAI of specification .macro_conditions. is monthly.*"60m"'):
            RUSSELL_BETA("conditions", "relative", None, window, None, None, None, "macro_conditions")


def test_the_series_that_leaves_too_few_changes_is_named(own: Desk, tmp_path: Path) -> None:
    short = [(str(d), 310.0 + k) for k, d in enumerate(days()[-40:])]
    assert own.load(one(tmp_path / "c", "CHIPS", short), "--add", "--accept", "CHIPS") in (0, 1)
    assert own.load(_without(own, tmp_path, short)) == 0, own.said
    own.run("data", "status")
    with pytest.raises(
        NoDataError, match="there are 39 .*The series at fault is CHIPS: it has 40 observations"
    ) as said:
        RUSSELL_BETA("chips", "relative", None, None, None, None, None, "macro_chips")
    assert "it alone is missing" in str(said.value)


def _without(own: Desk, tmp_path: Path, short: list[tuple[str, float]]) -> Path:
    """The whole history again, CHIPS short."""
    series = market()
    write(tmp_path / "h" / "daily.csv", ["date", *series], zip(map(str, days()), *series.values(), strict=True))
    return one(tmp_path / "h", "CHIPS", short)


def test_series_without_a_common_day_are_named(own: Desk, tmp_path: Path) -> None:
    old = [(str(d), 310.0 + k) for k, d in enumerate(np.arange("2001-01-01", "2001-03-01", dtype="M8[D]")) if k % 7 < 5]
    assert own.load(_without(own, tmp_path, old)) == 0, own.said
    own.run("data", "status")
    with pytest.raises(NoDataError, match="no common date: .*CHIPS 2001-01-01 to 2001-02-2"):
        RUSSELL_BETA("chips", "relative", None, None, None, None, None, "macro_chips")


def test_a_leg_of_another_kind_is_refused_with_the_line_to_write(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(BLOCKS[2].replace('"pt"', '"bp"'), encoding="utf-8")
    with pytest.raises(CatalogueError, match="quote 'bp' needs legs that are all of kind 'yield'.*they are level"):
        load_catalogue(tmp_path / "c.toml")
    (tmp_path / "c.toml").write_text(BLOCKS[2].replace("NFCI", "OWN_INDEX"), encoding="utf-8")
    with pytest.raises(CatalogueError, match=r'unless you say \[series.ID\] kind = "level"'):
        load_catalogue(tmp_path / "c.toml")
    own = '[series.OWN_INDEX]\nlabel = "own"\nkind = "level"\n'
    (tmp_path / "c.toml").write_text(own + BLOCKS[2].replace("NFCI", "OWN_INDEX"), encoding="utf-8")
    assert load_catalogue(tmp_path / "c.toml").factors["conditions"].quote == "pt"
