"""One table of calls and what every host must answer: a number found independently, a text, a date, or an error."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from tests.hosts import independent as check
from tests.hosts import independent_stocks as stocks
from xl_smallcap.types import Method


@dataclass(frozen=True)
class Error:
    code: str
    says: str


Expected = float | str | dt.date | Error | tuple[int, int]
"""A number (to 1e-9; all hosts to the bit), a text it starts with, a date, an error, or the size of a table."""


@dataclass(frozen=True)
class Case:
    formula: str
    expected: Expected | Callable[[], float | str]
    within: float = 1e-12
    """How far a number may be from one found independently, where the way to it ends by a tolerance."""


def beta(formula: str, *arguments: str | None, **more: str | float) -> Case:
    return Case(formula, lambda: check.beta(*arguments, **more))  # type: ignore[arg-type]  # the table mixes texts and numbers


def regime(formula: str, *arguments: bool | str) -> Case:
    return Case(formula, lambda: check.regime(*arguments), within=2e-3)  # type: ignore[arg-type]  # the table mixes texts and flags


PCR, PCR3, PLS3 = Method("pcr"), Method("pcr", 3), Method("pls", 3)


def scenario(
    formula: str, shocks: check.Shocks, what: str, target: str = "relative", months: int = 3, as_of: str | None = None
) -> Case:
    return Case(formula, lambda: check.projection(shocks, what, target, months, as_of))


GOLDMAN: check.Shocks = {"growth": (6.0, 6), "inflation": (-20.0, 6), "easing": (25.0, 6)}
STILL: check.Shocks = {"growth": (0.0, 6), "inflation": (0.0, 6), "easing": (0.0, 6)}
INFLATED: check.Shocks = {"inflation": (25.0, 0), "growth": ("1 sd", 0)}
TIGHTER: check.Shocks = {"easing": (-25.0, 0)}

VALUES = [
    beta('RUSSELL_BETA("inflation")', "inflation"),
    beta('RUSSELL_BETA("Inflation ","Russell"," BETA ")', "inflation"),
    beta('RUSSELL_BETA("inflation",0,"","  ")', "inflation"),
    beta('RUSSELL_BETA("growth",,"se")', "growth", "se"),
    Case('RUSSELL_BETA("inflation",,,,,,"levels")', lambda: check.levels_fit().params["inflation"], within=1e-9),
    Case('RUSSELL_BETA("growth",,"noise_share",,,,"Levels")', lambda: check.levels_share("growth")),
    Case('RUSSELL_BETA("inflation",,"percentile")', lambda: check.percentile("inflation")),
    beta('RUSSELL_BETA("easing",,"tstat")', "easing", "tstat"),
    beta('RUSSELL_BETA("cuts",,"tstat")', "easing", "tstat"),
    beta('RUSSELL_BETA("dollar",,"pvalue")', "dollar", "pvalue"),
    beta('RUSSELL_BETA("oil",,"lower")', "oil", "lower"),
    beta('RUSSELL_BETA("oil",,"upper")', "oil", "upper"),
    beta('RUSSELL_BETA("inflation","relative")', "inflation", "beta", "relative"),
    beta('RUSSELL_BETA("growth","sp500","tstat",83)', "growth", "tstat", "sp500", "83"),
    beta('RUSSELL_BETA("easing","hedged","se","83")', "easing", "se", "hedged", "83"),
    beta('RUSSELL_BETA("market","hedged")', "market", "beta", "hedged"),
    beta(
        'RUSSELL_BETA("market","relative","tstat",,,,,"macro_market")',
        "market", "tstat", "relative", spec="macro_market",
    ),
    beta('RUSSELL_BETA("inflation","relative",,"104w")', "inflation", "beta", "relative", "104w"),
    beta('RUSSELL_BETA("growth","russell","se","60m")', "growth", "se", "russell", "60m"),
    beta('RUSSELL_BETA("growth","relative",,"60M","2020-03-15")', "growth", "beta", "relative", "60m", "2020-03-15"),
    beta(
        'RUSSELL_BETA("inflation","relative","se",250,"2020-04-01")',
        "inflation", "se", "relative", "250", "2020-04-01",
    ),
    beta('RUSSELL_BETA("inflation","relative","beta",250,43922)', "inflation", "beta", "relative", "250", "2020-04-01"),
    beta('RUSSELL_BETA("credit","relative","tstat",,,,,"full")', "credit", "tstat", "relative", spec="full"),
    beta('RUSSELL_BETA("volatility","russell",,500,,,,"full")', "volatility", "beta", "russell", "500", spec="full"),
    beta(
        'RUSSELL_BETA("growth_metals","russell",,,,,,"macro:growth_metals")',
        "growth_metals", spec="macro:growth_metals",
    ),
    beta('RUSSELL_BETA("inflation",,,,,"ols",,"macro","10bp")', "inflation", native=10.0),
    beta('RUSSELL_BETA("oil",,"se",,,,,,"1pct")', "oil", "se", native=1.0),
    beta('RUSSELL_BETA("easing",,"upper",,,,,,"native")', "easing", "upper", native=10.0),
    Case('RUSSELL_BETA("growth",,,,,"pls")', lambda: check.component_beta("growth", Method("pls"))),
    Case('RUSSELL_BETA("oil","relative",,,," PLS:3 ")', lambda: check.component_beta("oil", PLS3, "relative")),
    Case('RUSSELL_BETA("inflation",,,"104w",,"pcr")', lambda: check.component_beta("inflation", PCR, window="104w")),
    Case('RUSSELL_BETA("easing","hedged",,,,"PCR:3")', lambda: check.component_beta("easing", PCR3, "hedged")),
    Case('RUSSELL_BETA("dollar",,,,,"univariate")', lambda: check.component_beta("dollar", Method("univariate"))),
    Case('RUSSELL_BETA("growth",,"tstat",,,"univariate")', lambda: check.univariate_tstat("growth")),
    Case('RUSSELL_BETA("growth",,"agreement")', 1.0),
    Case('RUSSELL_BETA("growth",,"rsquared","104w")', lambda: check.rsquared("rsquared", window="104w")),
    Case('RUSSELL_BETA("growth",,"first_date",83,"2025-12-24")', dt.date(2025, 8, 25)),
    beta('RUSSELL_BETA("growth",,"se_conditional")', "growth", "se"),
    Case('RUSSELL_FIT(,"components",,,"pcr:2")', 2.0),
    Case('RUSSELL_FIT(,"seed",,,"pls")', 20251224.0),
    Case('RUSSELL_FIT(,"block","60m",,"pcr")', 4.0),
    Case('RUSSELL_FAIR_VALUE(,,,,"levels")', lambda: check.levels_gap("value")),
    Case('RUSSELL_FAIR_VALUE(,"gap",,,"levels")', lambda: check.levels_gap("gap")),
    Case('RUSSELL_FAIR_VALUE(,"gap_pct",,,"levels")', lambda: check.levels_gap("gap_pct")),
    Case('RUSSELL_FAIR_VALUE(,"gap_sigma",,,"levels")', lambda: check.levels_gap("gap_sigma")),
    Case('RUSSELL_FAIR_VALUE(,"rsquared",,,"levels")', lambda: check.levels_gap("rsquared")),
    Case('RUSSELL_FAIR_VALUE(,"gap_pct")', check.changes_gap_pct),
    Case('RUSSELL_FAIR_VALUE(,"gap_pct",,,"changes",,"5")', lambda: check.changes_gap_pct(5)),
    Case('RUSSELL_FAIR_VALUE(,"verdict",,,"levels")', "not distinguishable from noise"),
    Case('RUSSELL_FAIR_VALUE("relative","draws")', 1000.0),
    Case("RUSSELL_FIT()", lambda: check.rsquared("rsquared")),
    Case('RUSSELL_FIT("relative","rsquared_adj","104w")', lambda: check.rsquared("rsquared_adj", "relative", "104w")),
    Case('RUSSELL_FIT(,"nobs",83)', 83.0),
    Case('RUSSELL_FIT(,"components")', 5.0),
    Case('RUSSELL_BETA("growth",,"nobs","104w")', 104.0),
    Case('RUSSELL_BETA("growth",,"last_date","104w","2025-12-24")', dt.date(2025, 12, 19)),
    Case('RUSSELL_BETA("growth",,"last_date",,"2025-12-28")', dt.date(2025, 12, 26)),
    Case("RUSSELL_ASOF()", dt.date(2025, 12, 31)),
    Case("RUSSELL_SNAPSHOT()", "SAMPLE (synthetic) "),
    Case('RUSSELL_FACTOR("inflation")', lambda: float(check.levels()["T5YIE"].dropna().iloc[-1])),
    Case('RUSSELL_FACTOR("easing","level","2020-04-01")', lambda: -float(check.levels().loc["2020-04-01", "DGS2"])),
    Case('RUSSELL_FACTOR("oil")', lambda: float(check.levels()["DCOILWTICO"].iloc[-1])),
    Case("RUSSELL_POSITIONING()", lambda: check.positioning("LEV", "2025-12-30")),
    Case('RUSSELL_POSITIONING("Leveraged",,"2025-12-24")', lambda: check.positioning("LEV", "2025-12-16")),
    Case('RUSSELL_POSITIONING("asset_manager","z3y","2025-12-24")', lambda: check.z3y("AM", "2025-12-16")),
    Case('RUSSELL_POSITIONING("dealer","last_date","2025-12-18")', dt.date(2025, 12, 2)),
    Case('RUSSELL_POSITIONING("other","published","2025-11-15")', dt.date(2025, 9, 26)),
    Case('RUSSELL_WHY("=RUSSELL_BETA(""inflation"")")', "RUSSELL_BETA: no error"),
    Case('RUSSELL_WHY("=RUSSELL_BETA(""inflaton"")")', "RUSSELL_BETA: #VALUE! Unknown factor 'inflaton'"),
    Case('RUSSELL_WHY("=SUM(A1)")', "There is no RUSSELL_ function"),
]  # fmt: skip

REGIMES = [
    Case("RUSSELL_REGIME()", "slowdown"),
    Case('RUSSELL_REGIME("2020-06-30")', "reflation"),
    Case('RUSSELL_REGIME("2020-06-30","Bands")', "goldilocks"),
    Case('RUSSELL_REGIME("2015-06-30","hmm")', "goldilocks"),
    Case('RUSSELL_REGIME(,"market")', "goldilocks"),
    Case('RUSSELL_REGIME_PROB("goldilocks",3,"2013-05-31")', check.pool_mean, within=1e-12),
    regime('RUSSELL_REGIME_PROB("goldilocks",,"2025-08-29","chains")', True, True, "2025-06", "2025-07", "2025-08"),
    regime('RUSSELL_REGIME_PROB("reflation",0,"2020-06-30","chains")', True, False, "2020-05", "2020-05", "2020-06"),
    regime('RUSSELL_REGIME_PROB("stagflation",3,"2013-05-31","chains")', False, False, "2013-04", "2013-04", "2013-08"),
    Case('RUSSELL_BETA("growth",,"tstat",,,,"levels")', Error("#VALUE!", "Model 'levels' has no 'tstat'")),
    Case("RUSSELL_EVENT_BETA()", lambda: check.event_slope("cpi", "sd"), within=1e-9),
    Case(
        'RUSSELL_EVENT_BETA("easing","relative","tstat","payrolls")', lambda: check.event_slope("payrolls", "t"), 1e-9
    ),
    Case("RUSSELL_EVENT_BETAS()", (9, 26)),
    Case('RUSSELL_NEWS_BETAS("relative")', (3, 14)),
    Case('RUSSELL_NEWS_BETAS("relative","104w")', Error("#VALUE!", "News by signs is daily")),
    Case('RUSSELL_BETA("growth","relative","placebo_share")', check.placebo_share),
    Case('RUSSELL_BETA("oil",,"placebo_share")', Error("#VALUE!", "'oil' is not made so")),
    Case('RUSSELL_EVENT_BETA_HISTORY(,,"payrolls")', (17, 7)),
    Case('RUSSELL_CALENDAR(,,14,"2025-12-05")', (4, 9)),
    Case('RUSSELL_EVENT_BETA(,,,"nfp")', Error("#VALUE!", "Unknown kind of day 'nfp'")),
    Case('RUSSELL_EVENT_BETA(,,,"unscheduled")', Error("#NUM!", "a slope needs at least 20")),
    Case('RUSSELL_CALENDAR(,,3,"2025-12-05")', Error("#N/A", "The calendar has no event")),
    Case('RUSSELL_NEWS_BETAS("hedged")', Error("#VALUE!", "with target 'hedged' nothing is left")),
    Case('RUSSELL_BETA("growth",,"noise_share")', Error("#VALUE!", "belongs to model 'levels'")),
    Case('RUSSELL_BETAS(,,,"univariate","levels")', Error("#VALUE!", "Model 'levels' has no method 'univariate'")),
    Case('RUSSELL_REGIME_PROB("goldilock")', Error("#VALUE!", "Did you mean 'goldilocks'?")),
    Case('RUSSELL_REGIME_PROB("boom")', Error("#VALUE!", "goldilocks, reflation, slowdown, stagflation")),
    Case('RUSSELL_REGIME_PROB("goldilocks",-1)', Error("#VALUE!", "whole number of months from 0")),
    Case('RUSSELL_REGIME_PROB("goldilocks",1000)', Error("#VALUE!", "repeats its long-run shares")),
    Case('RUSSELL_REGIME_PROB("stagflation",,,"hmm")', Error("#N/A", "does not tell stagflation apart")),
    Case('RUSSELL_REGIME_PROB("slowdown",,"2008-01-31")', Error("#N/A", "at least 60 months of growth")),
    Case('RUSSELL_REGIME(,"chain")', Error("#VALUE!", "Did you mean 'chains'?")),
    Case('RUSSELL_TRANSITIONS(,"bands")', Error("#VALUE!", "no states, so no transitions")),
    Case('RUSSELL_TRANSITIONS(,"pool")', Error("#VALUE!", "The pool is a mean of models")),
    Case("RUSSELL_REGIME_HISTORY()", Error("#N/A", "run 'xl-smallcap regime history'")),
    Case("RUSSELL_REGIME_RETURNS()", Error("#N/A", "run 'xl-smallcap regime history'")),
    Case('RUSSELL_REGIME_SCORE(,"bands")', Error("#N/A", "run 'xl-smallcap regime history'")),
]

SHOCKS = '{"inflation",25,"bp";"growth",1,"sd"}'
SCENARIOS = [
    scenario('RUSSELL_SCENARIO("goldman")', GOLDMAN, "mean", "relative", 6),
    scenario(
        'RUSSELL_SCENARIO(" Growth low-inflation ",,"SD",3,"2025-12-24")', GOLDMAN, "sd", "relative", 3, "2025-12-24"
    ),
    scenario('RUSSELL_SCENARIO("goldman","russell","contribution:cuts")', GOLDMAN, "easing", "russell", 6),
    scenario('RUSSELL_SCENARIO("goldman","Russell","prob_outperform",3)', GOLDMAN, "odds", "relative", 3),
    scenario('RUSSELL_SCENARIO("no_change","sp500","p95",1)', STILL, "p95", "sp500", 1),
    scenario(f"RUSSELL_PROJECTION({SHOCKS})", INFLATED, "mean", "relative", 3),
    scenario(
        f'RUSSELL_PROJECTION({SHOCKS},,"odds","12")'.replace('"odds"', '"prob_positive"'),
        INFLATED,
        "odds",
        "relative",
        12,
    ),
    scenario(
        'RUSSELL_PROJECTION({"Factor","Shock","Unit";" Cuts ","-25","BP"},"russell","sd")', TIGHTER, "sd", "russell", 3
    ),
    Case('RUSSELL_SCENARIO("goldman",,"seed",,,"bootstrap")', 20251224.0),
    Case('RUSSELL_SCENARIO("goldman",,"warning")', lambda: check.conflict("relative", tuple(GOLDMAN))),
    Case('RUSSELL_TIPPING("inflation","goldman")', lambda: check.tipping(GOLDMAN, "inflation", 6)),
    Case("RUSSELL_SCENARIOS()", (15, 24)),
    Case('RUSSELL_SCENARIO("jpmorgan","hedged","all",6)', (52, 4)),
    Case('RUSSELL_SCENARIO("goldman",,"all",1,,"simulation")', (51, 4)),
    Case('RUSSELL_FAN("jpmorgan",,,"2025-12-24")', (7, 11)),
    Case(f'RUSSELL_FAN({SHOCKS},"russell",2,,"pooling","full")', (3, 11)),
    Case('RUSSELL_FAN("goldman",,2,,"simulation")', (3, 11)),
    Case("RUSSELL_SCENARIO_SCORE()", (20, 14)),
    Case("RUSSELL_TIPPING()", (6, 14)),
    Case('RUSSELL_SENTENCE("oil")', lambda: check.sentence("oil", "relative")),
    Case(
        'RUSSELL_SENTENCE("dollar","russell","2024-06-28")', lambda: check.sentence("dollar", "russell", "2024-06-28")
    ),
    Case('RUSSELL_SENTENCE("growht")', Error("#VALUE!", "Did you mean 'growth'")),
    Case('RUSSELL_IMPLIED(0.7,"goldman")', lambda: check.implied(0.7, GOLDMAN, 6)),
    Case('RUSSELL_IMPLIED(,"goldman","relative","all",6)', (11, 2)),
    Case('RUSSELL_IMPLIED(1,"goldman")', Error("#VALUE!", "must lie between 0 and 1")),
    Case('RUSSELL_BREAKEVEN("growth","easing",,,6)', (10, 16)),
    Case('RUSSELL_BREAKEVEN("growth","growth")', Error("#VALUE!", "needs two factors")),
    Case('RUSSELL_SCENARIOS(,,,{"goldman",0.6;"jpmorgan",0.4})', (16, 24)),
    Case('RUSSELL_SCENARIOS(,,,{"goldman",0.6;"jpmorgan",0.3})', Error("#VALUE!", "add up to 0.9, not to 1")),
    Case('RUSSELL_SCENARIO("goldman",,"shapley:cuts")', lambda: check.shapley(GOLDMAN, "easing", 6)),
    Case("RUSSELL_NEEDLE_MAP()", (10, 10)),
    Case('RUSSELL_SCENARIO("goldmann")', Error("#VALUE!", "Did you mean 'goldman'?")),
    Case("RUSSELL_SCENARIO()", Error("#VALUE!", "'scenario' is missing: give one of")),
    Case('RUSSELL_SCENARIO("goldman",,"men")', Error("#VALUE!", "Did you mean 'mean'?")),
    Case('RUSSELL_SCENARIO("goldman",,,13)', Error("#VALUE!", "whole number of months from 1 to 12")),
    Case('RUSSELL_SCENARIO("goldman",,,,,,"macro:growth_metals")', Error("#VALUE!", "Use specification 'macro'")),
    Case('RUSSELL_SCENARIO("goldman","sp500","prob_outperform")', Error("#VALUE!", "is measured against")),
    Case('RUSSELL_SCENARIO("goldman",,"share_path",,,"pooling")', Error("#N/A", "no shares of variance")),
    Case('RUSSELL_SCENARIO("goldman",,,,,"regimes")', Error("#N/A", "run 'xl-smallcap regime history'")),
    Case('RUSSELL_PROJECTION("goldman")', Error("#VALUE!", "A named path goes to RUSSELL_SCENARIO")),
    Case('RUSSELL_PROJECTION({"inflaton",25,"bp"})', Error("#VALUE!", "Did you mean 'inflation'?")),
    Case('RUSSELL_PROJECTION({"inflation",25})', Error("#VALUE!", "has no unit; write bp, pct, pt or sd")),
    Case('RUSSELL_PROJECTION({"inflation",25,"pct"})', Error("#VALUE!", "needs the unit 'bp' or 'sd'")),
    Case('RUSSELL_PROJECTION({"inflation",25,"bps"})', Error("#VALUE!", "Did you mean 'bp'?")),
    Case('RUSSELL_PROJECTION({"inflation","25 bp","bp"})', Error("#VALUE!", "Row 1 of the shocks: the shock is '25")),
    Case('RUSSELL_PROJECTION({"easing",25,"bp";"cuts",-5,"bp"})', Error("#VALUE!", "gives 'easing' twice")),
    Case('RUSSELL_PROJECTION({"growth",1,"sd";"growth",2,"sd"})', Error("#VALUE!", "'growth' is given twice")),
    Case('RUSSELL_PROJECTION({"growth",900,"pct"},,,1,,"pooling")', Error("#NUM!", "No reweighting of history")),
    Case('RUSSELL_PROJECTION({"credit",50,"bp"})', Error("#VALUE!", "Use specification 'full'")),
    Case('RUSSELL_TIPPING("inflation",,"sp500")', Error("#VALUE!", "is measured against")),
    Case("RUSSELL_NEEDLE()", Error("#N/A", "run 'xl-smallcap regime history'")),
    Case('RUSSELL_NEEDLE(,,,,"two")', Error("#VALUE!", "'growth_min' must be a number")),
]

TABLES = [
    Case("RUSSELL_REGIMES()", (5, 17)),
    Case('RUSSELL_REGIMES(3,"2020-06-30","bands")', (5, 17)),
    Case('RUSSELL_TRANSITIONS("2020-06-30","hmm")', (4, 7)),
    Case('RUSSELL_TRANSITIONS(,"market")', (5, 8)),
    Case('RUSSELL_BETAS("relative",,,,,"macro:growth_metals")', (6, 27)),
    Case("RUSSELL_BETAS()", (11, 27)),
    Case('RUSSELL_BETAS("relative","60m",,"pls",,"macro_market")', (12, 27)),
    Case('RUSSELL_METHODS("easing","hedged","104w","2024-06-30",,"full")', (18, 17)),
    Case('RUSSELL_ATTRIBUTION("2025-06-30","2025-12-24","relative")', (9, 15)),
    Case('RUSSELL_ATTRIBUTION("2024-12-27",,"hedged","104w","pls","full")', (13, 15)),
    Case('RUSSELL_FAIR_VALUE("relative","all","104w","2025-12-24")', (21, 3)),
    Case('RUSSELL_FAIR_VALUE_HISTORY("hedged",,"2025-12-24","levels","full","2025-12-01")', (19, 13)),
    Case('RUSSELL_FAIR_VALUE_HISTORY(,"60m")', (180, 13)),
    Case('RUSSELL_BETA_HISTORY("oil",,250,,"pls",,,,"2025-12-01")', (23, 11)),
    Case('RUSSELL_BETAS("hedged","104w","2024-06-30",,,"full","native")', (15, 27)),
    Case('RUSSELL_BETA_HISTORY("growth",,"36m",,,,,,"2024-01-31")', (25, 11)),
    Case('RUSSELL_FIT(,"all")', (13, 2)),
    Case("RUSSELL_FACTORS()", (14, 13)),
    Case('RUSSELL_POSITIONING_HISTORY("leveraged","2025-12-24")', (1020, 13)),
    Case('RUSSELL_SOURCE("growth")', (8, 14)),
    Case('RUSSELL_STATUS("2015-06-30")', (51, 15)),
]


def spread(formula: str, *arguments: str) -> Case:
    return Case(formula, lambda: stocks.dispersion(*arguments) if len(arguments) > 3 else stocks.ratio(*arguments))


DECEMBER, JULY = ("2025-12-01", "2025-12-31"), ("2025-06-30", "2025-07-31")
BREADTH = [
    spread("RUSSELL_DISPERSION()", "russell", "equal", *DECEMBER),
    spread('RUSSELL_DISPERSION("SP500",,"cap")', "sp500", "cap", *DECEMBER),
    spread('RUSSELL_DISPERSION("ratio",,"iqr","1m","2025-08-15")', "iqr", *JULY),
    spread('RUSSELL_DISPERSION("ratio",,"winsor","3m")', "winsor", "2025-09-30", "2025-12-31"),
    spread('RUSSELL_DISPERSION("russell",,"cap","1m","2025-07-31")', "russell", "cap", *JULY),
    Case('RUSSELL_DISPERSION(,"coverage",,"1m","2025-07-31")', lambda: stocks.covered("russell", *JULY)),
    Case('RUSSELL_DISPERSION("russell","gone",,"1m","2025-07-31")', 1.0),
    Case('RUSSELL_DISPERSION("russell","membership",,"1m","2025-07-31")', "Russell 2000 members of 2025-06-30"),
    Case('RUSSELL_DISPERSION("ratio","first_date",,"1m","2025-07-31")', dt.date(2025, 6, 30)),
    Case('RUSSELL_GAUGE("Short_interest","percentile3y")', lambda: stocks.percentile3y("SHORT_INTEREST", "2025-12-31")),
    Case(
        'RUSSELL_GAUGE("eps_growth","revision","2025-12-10")',
        lambda: stocks.revision("EPS_GROWTH", "2025-11-30", "2025-08-31"),
    ),
    Case('RUSSELL_GAUGE("pe_positive","last_date","2025-11-30")', dt.date(2025, 10, 31)),
    Case('RUSSELL_POSITIONING(,,"2025-12-24","oi4w")', lambda: stocks.share_of_four_weeks("LEV", "2025-12-16")),
    Case('RUSSELL_POSITIONING(,"contract","2017-10-24")', "CME 239742 (90 % of open interest) and ICE 23977A, added"),
    Case('RUSSELL_BETA("growth","SML07","nobs")', 250.0),
    Case('RUSSELL_DISPERSION_HISTORY("ratio","1m")', (61, 14)),
    Case('RUSSELL_DISPERSION_HISTORY(,,"2025-06-30","2024-01-01")', (19, 14)),
    Case('RUSSELL_WINNERS(-5,21,"2025-11-28","macro")', (6, 18)),
    Case("RUSSELL_GAUGES()", (5, 17)),
    Case("RUSSELL_CLAIMS()", (29, 24)),
    Case('RUSSELL_CLAIMS("2011-01-03")', Error("#N/A", "No claim is dated by 2011-01-03")),
    Case("RUSSELL_THESIS()", (31, 14)),
    Case('RUSSELL_THESIS("2016-02-12")', (31, 14)),
    Case('RUSSELL_THESIS("1951-01-01")', Error("#N/A", "No claim of the thesis can be looked at")),
    Case('RUSSELL_POSITIONING_HISTORY("dealer","2010-01-15","oi4w")', (189, 13)),
    Case('RUSSELL_DISPERSION("nasdaq")', Error("#VALUE!", "Unknown index 'nasdaq'")),
    Case('RUSSELL_DISPERSION(,,"capweighted")', Error("#VALUE!", "Unknown weighting 'capweighted'")),
    Case('RUSSELL_DISPERSION(,,,,"2019-01-01")', Error("#N/A", "No prices of constituents for as_of 2019-01-01")),
    Case("RUSSELL_DISPERSION(,,,2000)", Error("#N/A", "needs 2001 daily closes; the constituents have")),
    Case("RUSSELL_WINNERS(0.5)", Error("#VALUE!", "must be a whole number from 1 to 500")),
    Case('RUSSELL_WINNERS(,"3m")', Error("#VALUE!", "a quarter is 63")),
    Case('RUSSELL_WINNERS(,,"2021-06-30")', Error("#N/A", "needs 314 days of prices and factors")),
    Case('RUSSELL_GAUGE("shortinterest")', Error("#VALUE!", "Did you mean 'SHORT_INTEREST'?")),
    Case('RUSSELL_GAUGE("pe_all",,"2005-01-01")', Error("#N/A", "Nothing of 'PE_ALL' was published by 2005-01-01")),
    Case('RUSSELL_GAUGE("eps_growth","z3y","2006-10-01")', Error("#N/A", "'z3y' of 'EPS_GROWTH' is not available")),
    Case('RUSSELL_POSITIONING(,,,"oi2w")', Error("#VALUE!", "Unknown denominator 'oi2w'")),
]

ERRORS = [
    Case("RUSSELL_DIFF()", Error("#N/A", "was not made after another one")),
    Case('RUSSELL_DIFF("zzz")', Error("#VALUE!", "fingerprint is 3 to 12 of the characters")),
    Case('RUSSELL_POSITIONING("hedge funds")', Error("#VALUE!", "Unknown category 'hedge funds'")),
    Case('RUSSELL_POSITIONING(,"change","2006-06-20")', Error("#N/A", "'change' is not available for the report")),
    Case('RUSSELL_POSITIONING(,,"2006-06-13")', Error("#N/A", "No CFTC report for as_of 2006-06-13")),
    Case('RUSSELL_BETA("inflaton")', Error("#VALUE!", "Did you mean 'inflation'?")),
    Case("RUSSELL_BETA()", Error("#VALUE!", "'factor' is missing")),
    Case('RUSSELL_BETA("")', Error("#VALUE!", "'factor' is missing")),
    Case("RUSSELL_BETA(5)", Error("#VALUE!", "must be one word; got the number 5")),
    Case("RUSSELL_BETA(TRUE)", Error("#VALUE!", "must be one word")),
    Case('RUSSELL_BETA({"growth","oil"})', Error("#VALUE!", "a range of 1 x 2 cells")),
    Case('RUSSELL_BETA("growth",,"tsat")', Error("#VALUE!", "Did you mean 'tstat'?")),
    Case('RUSSELL_BETA("growth","relatve")', Error("#VALUE!", "Did you mean 'relative'?")),
    Case('RUSSELL_BETA("growth","DGS2")', Error("#VALUE!", "a target is a daily price")),
    Case('RUSSELL_BETA("growth",,,"abc")', Error("#VALUE!", "must be a number of days such as 250")),
    Case('RUSSELL_BETA("growth",,,-250)', Error("#VALUE!", "must be a number of days such as 250")),
    Case('RUSSELL_BETA("growth",,,2.5)', Error("#VALUE!", "must be a number of days such as 250")),
    Case('RUSSELL_BETA("growth",,,14)', Error("#VALUE!", "Window 14 is too short: 5 regressors need at least 15")),
    Case('RUSSELL_BETA("growth",,,60000)', Error("#N/A", "Window 60000 needs 60000 daily changes")),
    Case('RUSSELL_BETA("growth",,,"400m")', Error("#N/A", "Window 400m needs 400 monthly changes")),
    Case('RUSSELL_BETA("growth",,,,"1999-12-31")', Error("#N/A", "is observed from 2006-01-03 to 2025-12-31")),
    Case('RUSSELL_BETA("growth",,,,"2006-03-01")', Error("#N/A", "by 2006-03-01 there are")),
    Case('RUSSELL_BETA("growth",,,,"2026-01-11")', Error("#N/A", "is observed from 2006-01-03 to 2025-12-31")),
    Case('RUSSELL_BETA("growth",,,,"12/24/2025")', Error("#VALUE!", "which is not a date")),
    Case('RUSSELL_BETA("growth",,,,20251224)', Error("#VALUE!", "text needs quotes and dashes")),
    Case('RUSSELL_BETA("growth",,,,"2025-12-24 to 2026-12-31")', Error("#VALUE!", "which is not a date")),
    Case('RUSSELL_BETA("growth",,,,5)', Error("#VALUE!", "outside 1950")),
    Case('RUSSELL_BETA("growth",,,,,"lasso")', Error("#VALUE!", "Unknown method 'lasso'")),
    Case('RUSSELL_BETA("growth",,,,,"pls:9")', Error("#VALUE!", "asks for 9 components; the 5 factors")),
    Case('RUSSELL_BETA("growth",,,,,"pcr:0")', Error("#VALUE!", "a whole number of at least 1")),
    Case('RUSSELL_BETA("growth",,,,,"PLS 2")', Error("#VALUE!", "Did you mean 'pls:2'?")),
    Case('RUSSELL_BETA("growth",,,,,"plz")', Error("#VALUE!", "or with components: pls:3")),
    Case('RUSSELL_BETA("growth",,,,,"pls:999999999999")', Error("#VALUE!", "have at most 5")),
    Case('RUSSELL_BETA("growth","XLI")', Error("#VALUE!", "Did you mean 'XLI_ADJ'?")),
    Case('RUSSELL_BETA("growth",,,,,,,"pls")', Error("#VALUE!", "or one factor swapped, such as macro:growth_metals")),
    Case('RUSSELL_FIT(,"explained",,,"univariate")', Error("#VALUE!", "it has no components")),
    Case('RUSSELL_FAIR_VALUE(,"drift",,,"levels")', Error("#N/A", "has no drift")),
    Case('RUSSELL_ATTRIBUTION("2025-06-28","2025-06-29")', Error("#VALUE!", "by finish 2025-06-29; widen the period")),
    Case('RUSSELL_BETA("growth",,,,,"ols:2")', Error("#VALUE!", "Method 'ols' has no components")),
    Case('RUSSELL_FIT(,"rsquared_oos",,,"univariate")', Error("#VALUE!", "one regression a factor")),
    Case('RUSSELL_FIT(,"seed")', Error("#N/A", "its errors are Newey-West, 4 lags")),
    Case('RUSSELL_METHODS("inflaton")', Error("#VALUE!", "Did you mean 'inflation'?")),
    Case('RUSSELL_METHODS("growth",,60000)', Error("#N/A", "needs 60000 daily changes")),
    Case('RUSSELL_ATTRIBUTION("2025-06-30",,,,"univariate")', Error("#VALUE!", "do not add up")),
    Case('RUSSELL_ATTRIBUTION("2025-12-24","2025-06-30")', Error("#VALUE!", "give a start before finish")),
    Case('RUSSELL_ATTRIBUTION("2006-06-30")', Error("#N/A", "The earliest start is 2007-")),
    Case('RUSSELL_FAIR_VALUE(,"fair")', Error("#VALUE!", "Unknown stat 'fair'")),
    Case('RUSSELL_FAIR_VALUE(,,,,"level")', Error("#VALUE!", "Did you mean 'levels'?")),
    Case("RUSSELL_FAIR_VALUE(,,,,,,2.5)", Error("#VALUE!", "whole number of observations from 1 to 999999")),
    Case("RUSSELL_FAIR_VALUE(,,100,,,,101)", Error("#VALUE!", "is longer than the window 100")),
    Case("RUSSELL_FAIR_VALUE(,,4990)", Error("#N/A", "needs 5011 daily changes")),
    Case('RUSSELL_FAIR_VALUE(,"rsquared_oos",3000,,"levels")', Error("#N/A", "Window 3000 needs 6020 daily levels")),
    Case('RUSSELL_FAIR_VALUE(,"noise_percentile",3000)', Error("#N/A", "Evidence needs 6000 daily changes")),
    Case('RUSSELL_FAIR_VALUE_HISTORY(,,,,,"2026-01-01")', Error("#N/A", "No fair value ends on or after")),
    Case('RUSSELL_BETA("growth",,,,,,,"macr")', Error("#VALUE!", "Did you mean 'macro'?")),
    Case('RUSSELL_BETA("credit")', Error("#VALUE!", "Use specification 'full'")),
    Case('RUSSELL_BETA("growth_metals")', Error("#VALUE!", "Use specification 'macro:growth_metals'")),
    Case('RUSSELL_BETA("market")', Error("#VALUE!", "Use target 'hedged' or specification 'macro_market'")),
    Case('RUSSELL_BETA("growth","sp500",,,,,,"macro_market")', Error("#VALUE!", "its beta is 1 by construction")),
    Case('RUSSELL_BETA("oil",,,,,,,,"10bp")', Error("#VALUE!", "use unit '1pct'")),
    Case('RUSSELL_BETA("growth",,"sign_share",3000)', Error("#N/A", "at least 2 windows")),
    Case('RUSSELL_BETAS(,,,,,,"10bp")', Error("#VALUE!", "use unit 'native'")),
    Case('RUSSELL_BETAS("nope")', Error("#VALUE!", "Unknown target 'nope'")),
    Case('RUSSELL_BETA_HISTORY("growth",,,,,,,,"2026-01-01")', Error("#N/A", "No window ends on or after")),
    Case('RUSSELL_FIT(,"rsquared_oos",2600)', Error("#N/A", "needs 5200 changes")),
    Case('RUSSELL_FIT(,"r2")', Error("#VALUE!", "Unknown stat 'r2'")),
    Case('RUSSELL_FACTOR("growth","levle")', Error("#VALUE!", "Did you mean 'level'?")),
    Case('RUSSELL_FACTOR("oil",,"2005-01-01")', Error("#N/A", "observed from 2006-01-03")),
    Case('RUSSELL_SOURCE("DGS")', Error("#VALUE!", "Unknown series 'DGS'. Did you mean 'DGS2'")),
]

CASES = [*VALUES, *REGIMES, *SCENARIOS, *BREADTH, *TABLES, *ERRORS]
assert len(CASES) >= 40
