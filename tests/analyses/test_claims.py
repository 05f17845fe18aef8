"""Published claims: each number is that of the other functions on the claim's day; rules in words; a person's file."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.hosts import independent
from xl_smallcap import CatalogueError, NoDataError, functions
from xl_smallcap.analyses.claims import ClaimResult, Outcome
from xl_smallcap.data.claims import Claim, load_claims
from xl_smallcap.session import Session, use_session

RUSSELL_BETA: Any = functions.RUSSELL_BETA
RUSSELL_CLAIMS: Any = functions.RUSSELL_CLAIMS
RUSSELL_FAIR_VALUE: Any = functions.RUSSELL_FAIR_VALUE
OWN = """
[claims.mine]
who = "the desk"
dated = 2024-03-01
source = "morning note"
said = "Oil hurts small caps."
factor = "oil"
target = "relative"
relation = "negative"
"""


def rows(as_of: str | None = None) -> list[dict[str, Any]]:
    table = RUSSELL_CLAIMS(as_of)
    return [dict(zip(table[0], row, strict=True)) for row in table[1:]]


def test_every_number_is_that_of_the_claims_own_day(own: Session) -> None:
    tested = 0
    for r in rows():
        if r["reproduced"] == "not tested":
            assert "No data for as_of" in r["note"]
            continue
        day = str(r["dated"])
        if r["relation"] == "rich":
            for model in ("levels", "changes"):
                assert r[f"{model}_value"] == RUSSELL_FAIR_VALUE(r["target"], "gap_sigma", 250, day, model)
            continue
        spec = "full" if r["factor"] in ("credit", "real_yield") else None
        ask = (r["factor"], r["target"])
        levels, changes = (
            {s: RUSSELL_BETA(*ask, s, 250, day, None, m, spec) for s in ("beta", *more)}
            for m, more in (("levels", ("noise_share", "beyond_noise")), ("changes", ("tstat", "pvalue")))
        )
        assert r["levels_value"] == levels["beta"]
        assert r["noise_share"] == levels["noise_share"]
        assert r["changes_value"] == changes["beta"]
        assert r["changes_tstat"] == changes["tstat"]
        for model in ("levels", "changes"):
            if r[f"{model}_percentile"] is not None:
                percentile = RUSSELL_BETA(*ask, "percentile", 250, day, None, model, spec)
                assert r[f"{model}_percentile"] == pytest.approx(percentile, abs=1e-12)
        side = {"positive": 1, "negative": -1}.get(r["relation"])
        if side is None:
            expected = {"levels": levels["noise_share"] > 0.1, "changes": changes["pvalue"] > 0.1}
            assert r["beyond_noise"] is None
        else:
            right = {m: r[f"{m}_value"] * side > 0 for m in ("levels", "changes")}
            clear = {"levels": levels["beyond_noise"], "changes": changes["pvalue"] <= 0.1}
            said = [m for m in ("levels", "changes") if right[m] and clear[m]]
            assert r["beyond_noise"] == (" and ".join(said) or "neither")
            expected = {
                m: right[m] and (not r["increasing"] or (r[f"{m}_percentile"] - 0.5) * side >= 0) for m in right
            }
        assert r["reproduced"] == (" and ".join(m for m, e in expected.items() if e) or "neither")
        tested += 1
    assert tested >= 15


def test_what_followed_against_pandas(own: Session) -> None:
    levels = independent.levels()[["RUT", "GSPC"]].dropna()
    relative = 100 * (np.log(levels["RUT"]) - np.log(levels["GSPC"]))
    for r in rows():
        start = relative[: pd.Timestamp(r["dated"])].iloc[-1]
        for months in (1, 3, 6):
            until = pd.Timestamp(r["dated"]) + pd.DateOffset(months=months)
            if until > relative.index[-1]:
                assert r[f"relative_{months}m"] is None
            else:
                assert r[f"relative_{months}m"] == pytest.approx(relative[:until].iloc[-1] - start, abs=1e-9)


def test_nothing_later_is_known(own: Session) -> None:
    """Rows after as_of become noise: claims dated by then stay as they are, bit for bit."""
    day = "2025-01-10"
    before = rows(day)
    assert before[-1]["claim"] == "qi_2025_01_08_growth"
    assert all(r["relative_6m"] is None for r in before if r["dated"] > dt.date(2024, 7, 10))
    snapshot, series, rng = own.snapshot, {}, np.random.default_rng(7)
    for name in snapshot.ids:
        data = snapshot.series(name)
        late = data.dates > np.datetime64(day)
        series[name] = replace(
            data, values=data.values * np.where(late, np.exp(0.1 * rng.standard_normal(late.size)), 1)
        )
    made = own.store.add(series, source="sample", synthetic=True)
    own.store.use(made.fingerprint)
    use_session(Session(own.settings))
    assert rows(day) == before


def test_a_claim_of_ones_own(own: Session, tmp_path: Path) -> None:
    count = len(rows())
    (tmp_path / "claims.toml").write_text(OWN + OWN.replace("mine", "other").replace('"oil"', '"tea"'))
    use_session(Session(own.settings))
    named = {r["claim"]: r for r in rows()}
    assert len(named) == count + 2
    assert named["mine"]["changes_value"] == RUSSELL_BETA("oil", "relative", "beta", 250, "2024-03-01")
    assert named["other"]["reproduced"] == "not tested"
    assert "Unknown factor 'tea'" in named["other"]["note"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [('relation = "negative"', 'relation = "down"', "line 9: .claims.mine. Unknown relation 'down'"),
     ("dated = 2024-03-01", 'dated = "2024-03-01"', "line 4: .claims.mine. dated must be a day such as 2025-12-24"),
     ('factor = "oil"\n', "", "relation 'negative' needs a factor"),
     ('relation = "negative"', 'relation = "rich"', "relation names no factor: it compares a price with the model"),
     ('who = "the desk"\n', "", "lacks who"),
     ("said", "sayd", "Unknown key 'sayd'. Did you mean 'said'"),
     ("[claims.mine]", "[claim.mine]", "Unknown key 'claim'. Did you mean 'claims'"),
     ("[claims.mine]", "[claims.mine", "is not valid TOML")],
)  # fmt: skip
def test_a_slip_is_told_with_its_line(own: Session, tmp_path: Path, old: str, new: str, says: str) -> None:
    (tmp_path / "claims.toml").write_text(OWN.replace(old, new))
    use_session(Session(own.settings))
    with pytest.raises(CatalogueError, match=says):
        RUSSELL_CLAIMS()


def test_before_the_first_claim(own: Session) -> None:
    with pytest.raises(NoDataError, match=r"No claim is dated by 2011-01-03; the first is of 2016-04-18\."):
        RUSSELL_CLAIMS("2011-01-03")


def test_what_ships_has_a_public_address_and_our_own_words() -> None:
    claims = load_claims()
    assert len(claims) >= 25
    for claim in claims.values():
        assert claim.address.startswith("https://"), claim.id
        assert claim.id.split("_")[0] in claim.id
        assert str(claim.dated).replace("-", "_") in claim.id
        assert claim.said.endswith(".")
        assert '"' not in claim.said
    quant_insight = {str(c.dated) for c in claims.values() if c.who.startswith("Quant Insight")}
    wanted = {"2024-07-18", "2024-07-23", "2024-07-25", "2025-01-08", "2025-09-04", "2025-12-24"}
    assert wanted <= quant_insight


def test_rules_in_words() -> None:
    claim: Claim = next(iter(load_claims().values()))

    def said(levels: bool | None, changes: bool | None) -> str:
        outcomes: Any = {"levels": Outcome(holds=levels), "changes": Outcome(holds=changes)}
        return ClaimResult(claim, "macro", outcomes).said_by("holds")

    assert said(True, True) == "levels and changes"
    assert said(True, False) == "levels"
    assert said(None, True) == "changes"
    assert said(False, None) == "neither"
    assert said(None, None) == "not tested"
