"""The sentences of the pitch sheet, each a formula over the cells of Pitch data: they change when the numbers do."""

from __future__ import annotations

from typing import Any

from xl_smallcap.analyses.thesis import CLAIMS
from xl_smallcap.data.scenarios import LEVELS_ASSUMED
from xl_smallcap.workbooks.formulas.references import address
from xl_smallcap.workbooks.sheets import pitch_data as data
from xl_smallcap.workbooks.sheets._shared import LATER, LATEST

MAP_TITLE = "Odds of outperformance in 3 months over growth and inflation, conditional on both"
SAMPLE = '=IF(LEFT(RUSSELL_SNAPSHOT(),6)="SAMPLE","SAMPLE: synthetic data, not a market","")'
_HORIZON_ROW, _SOURCE_ROW = 44, 46
"""Of RUSSELL_SCENARIO's table with the default specification."""
_SIGNED = '"+0.00;-0.00;0.00"'
_ONE = '"+0.0;-0.0;0.0"'


def _at(row: int, column: int) -> str:
    return f"'{data.NAME}'!{address(row, column, fixed=True)}"


def _claim(i: int, column: int) -> str:
    return _at(data.CLAIM_ROW + i, data.THESIS_COLUMN + column)


def _verdict(i: int) -> str:
    return _claim(i, 6)


def _count(word: str, skipped: tuple[int, ...]) -> str:
    return "+".join(f'IF({_verdict(i)}="{word}",1,0)' for i in range(len(CLAIMS)) if i not in skipped)


def _listed(word: str, skipped: tuple[int, ...]) -> str:
    return "&".join(
        f'IF({_verdict(i)}="{word}",{_claim(i, 0)}&"; ","")' for i in range(len(CLAIMS)) if i not in skipped
    )


def _skipped(projecting: bool) -> tuple[int, ...]:
    return () if projecting else data.PROJECTED


def headline(projecting: bool) -> str:
    """Return the headline: what the data say, as a formula.

    Parameters
    ----------
    projecting : bool
        Whether projections are shown.

    Returns
    -------
    str
    """
    beta = '"{0} "&TEXT({1},' + _SIGNED + ')&" % ("&{2}&")"'
    parts = [
        beta.format(name, _at(data.BETAS + k, 1), _at(data.BETAS + k, 6))
        for k, name in ((0, "growth"), (1, "inflation"), (2, "easing"))
    ]
    text = '="Small less large per standard deviation, last 250 days: "&' + '&", "&'.join(parts) + '&". "'
    if projecting:
        text += (
            f'&"Goldilocks in three months: "&IFERROR(TEXT({_claim(3, 2)},"0%")&" by Markov chains","no estimate")&". "'
        )
        said = []
        for name in ("in_path", "in_against"):
            stat = f'RUSSELL_SCENARIO({name},"{{0}}","relative",,in_as_of)'
            months = f'INDEX(RUSSELL_SCENARIO({name},"all","relative",,in_as_of),{_HORIZON_ROW},2)'
            said.append(
                f'SUBSTITUTE({name},"_"," ")&" the mean over "&TEXT({months},"0")&" months is "'
                f'&TEXT({stat.format("mean")},{_ONE})&" log % (odds "&TEXT({stat.format("prob_outperform")},"0%")'
                f'&", base rate "&TEXT({stat.format("base_rate")},"0%")&")"'
            )
        text += f'&"Conditional on "&{said[0]}&", on "&{said[1]}&". "'
    skipped = _skipped(projecting)
    total = len(CLAIMS) - len(skipped)
    text += (
        f'&"Of {total} claims of the thesis the data support "'
        f'&TEXT({_count("supported", skipped)},"0")&" and contradict "'
        f'&TEXT({_count("contradicted", skipped)},"0")&"; for the rest they do not suffice."'
    )
    return text


def level_tiles() -> list[tuple[str, str, str]]:
    """Return the three levels that matter: where the path's call is a coin's toss.

    Returns
    -------
    list of tuple
        Label, number and explanation.
    """

    def tile(row: int, label: str, turned: bool, rate: bool) -> tuple[str, str, str]:
        now, shock, level, fails, bounded = (_at(row, k) for k in (1, 2, 3, 4, 7))
        shown = f'TEXT({level},"0.00")&" %"' if rate else f'TEXT({shock},{_ONE})&" %"'
        number = f'=IF({bounded}="yes",{shown},"no level")'
        one, two = ("above", "below") if turned else ("below", "above")
        rest = f'"now "&TEXT({now},"0.00")&" %; "' if rate else '"over the path; "'
        says = (
            f'={rest}&IF({bounded}="yes","outperformance is a coin\'s toss there, less likely than not "'
            f'&IF({fails}="below","{one}","{two}")&" it",'
            '"the data cannot bound it: errors of the betas are too wide")'
        )
        return label, number, says

    return [
        tile(data.LEVELS + 1, "Inflation: 5-year breakeven, level", False, True),
        tile(data.LEVELS + 2, "Easing: 2-year yield, level", True, True),
        tile(data.LEVELS, "Growth: cyclicals less defensives, move", False, False),
    ]


def factor_tiles() -> list[tuple[str, str, str]]:
    """Return tiles without a projection: how unusual today's factors are.

    Returns
    -------
    list of tuple
        Label, number and explanation.
    """
    says = "level against the last 250 observations"
    return [
        (label, f'=TEXT(RUSSELL_FACTOR("{factor}","z",in_as_of),{_SIGNED})&" sd"', says)
        for factor, label in (("inflation", "Inflation: 5-year breakeven"),
                              ("easing", "Easing: 2-year yield, sign turned"),
                              ("growth", "Growth: cyclicals less defensives"))
    ]  # fmt: skip


NEEDLE = (
    '=IFERROR("Growth without inflation and outperformance together within 3 months: "'
    '&TEXT(RUSSELL_NEEDLE("joint","relative",3,in_as_of),"0%")&" now, "'
    '&TEXT(RUSSELL_NEEDLE("joint_base","relative",3,in_as_of),"0%")&" in all months alike.",'
    '"No odds of the needle by that day.")'
)


def claim(i: int, projecting: bool) -> tuple[str, str, str]:
    """Return one line of the checklist: claim, first statistic with its interval, verdict.

    Parameters
    ----------
    i : int
        Which claim.
    projecting : bool
        Whether projections are shown.

    Returns
    -------
    tuple of str
    """
    if i in _skipped(projecting):
        return CLAIMS[i], "", "not shown"
    value, unit, low, high = (_claim(i, k) for k in (2, 3, 4, 5))
    interval = f'IF(ISNUMBER({low})," ("&TEXT({low},{_SIGNED})&" to "&TEXT({high},{_SIGNED})&")","")'
    number = f'=IF(ISNUMBER({value}),TEXT({value},"0.00;-0.00;0.00")&" "&{unit}&{interval},"no data")'
    rows = f'" ("&TEXT({_claim(i, 7)},"0")&" of "&TEXT({_claim(i, 9)},"0")&")"'
    return f"={_claim(i, 0)}&{rows}", number, f"={_verdict(i)}"


def against(projecting: bool) -> list[str]:
    """Return the case against, five formulas.

    Parameters
    ----------
    projecting : bool
        Whether projections are shown.

    Returns
    -------
    list of str
    """
    skipped = _skipped(projecting)
    few = f'TEXT({_count("not enough data", skipped)},"0")&" of {len(CLAIMS) - len(skipped)} have not enough data."'
    none = '"No claim is contradicted by all of its rows. "'
    some = "&".join(
        f'IF(AND({_claim(i, 8)}>0,{_verdict(i)}<>"contradicted"),{_claim(i, 0)}&"; ","")'
        for i in range(len(CLAIMS))
        if i not in skipped
    )
    part = f'IF(LEN({some})>0,"Contradicted by a row: "&{some},"")'
    found = f'IF({_count("contradicted", skipped)}>0,"Contradicted: "&{_listed("contradicted", skipped)},{none})&{part}'
    fair = 'RUSSELL_FAIR_VALUE("{0}","russell",250,in_as_of,"levels")'
    metals = 'RUSSELL_BETA("growth_metals","{0}","relative",250,in_as_of,,"macro:growth_metals")'
    after = f"INDEX(RUSSELL_REGIME_RETURNS({data.TARGET},in_as_of),5,{{0}})"  # goldilocks, next month
    lines = [
        f"={found}&{few}",
        '=IFERROR("Growth is an equity proxy. From copper and gold its beta is "'
        f'&TEXT({metals.format("beta")},{_SIGNED})&" (t "&TEXT({metals.format("tstat")},{_ONE})&").",'
        '"Growth is an equity proxy; its copper and gold row cannot be fitted on these data.")',
        f'=IFERROR("Fair value on levels: "&{fair.format("verdict")}&"; its R² of "'
        f'&TEXT({fair.format("rsquared")},"0.00")&" is beaten by "'
        f'&TEXT(1-{fair.format("noise_percentile")},"0%")&" of random walks, gaps of "'
        f'&TEXT({fair.format("cointegration_pvalue")},"0%")&" of them close as surely.","No fair value on levels.")',
        f'=IFERROR("In the month after a goldilocks month small less large made "&TEXT({after.format(5)},{_SIGNED})'
        f'&" % ("&TEXT({after.format(3)},"0")&" months, hypothetical): "&{after.format(13)}&".",'
        '"What regimes meant for returns is not known by that day.")',
    ]
    if projecting:
        score = 'INDEX(RUSSELL_SCENARIO_SCORE("relative",1,in_as_of),{0},7)'
        skill = f'IF({score.format(4)}<MIN({score.format(5)},0.25)-0.005,": some skill",": no skill")'
        lines.append(
            '=IFERROR("Hypothetical, before costs: with the path unknown such odds score "'
            f'&TEXT({score.format(4)},"0.000")&" (Brier), the base rate "&TEXT({score.format(5)},"0.000")&{skill}'
            '&" without knowing the path.","No report card of such odds yet.")'
        )
    else:
        fit = 'RUSSELL_FIT("rsquared_oos","relative",250,in_as_of)'
        lines.append(f'=IFERROR("Out of sample the daily factor model has an R² of "&TEXT({fit},"0.00")&".","")')
    return lines


def change(projecting: bool) -> list[str]:
    """Return what would change our mind, five formulas.

    Parameters
    ----------
    projecting : bool
        Whether projections are shown.

    Returns
    -------
    list of str
    """

    def rows(i: int, needs: str) -> str:
        return (
            f'=IFERROR({_claim(i, 0)}&": "&TEXT({_claim(i, 7)},"0")&" of "&TEXT({_claim(i, 9)},"0")'
            '&" rows support it, "'
            f'&TEXT({_claim(i, 8)},"0")&" contradict; it takes every interval wholly "'
            f'&"{needs} zero (daily now "'
            f'&TEXT({_claim(i, 4)},{_SIGNED})&" to "&TEXT({_claim(i, 5)},{_SIGNED})&").",{_claim(i, 0)}&": no data.")'
        )

    lines = [rows(0, "above"), rows(2, "below"), rows(1, "above")]
    if projecting:
        lines += [
            f'=IFERROR("Goldilocks three months on at "&TEXT({_claim(3, 2)},"0%")'
            '&": an interval across one half is no call.","No regime estimate.")',
            '="Worst analogue of the path: small less large "'
            f'&TEXT(RUSSELL_SCENARIO(in_path,"worst_analogue_return","relative",,in_as_of),{_ONE})'
            '&" %, "&RUSSELL_SCENARIO(in_path,"worst_analogue","relative",,in_as_of)&"."',
        ]
    else:
        lines += [
            f'={_claim(6, 0)}&": "&IF(ISNUMBER({_claim(6, 2)}),"percentile "'
            f'&TEXT({_claim(6, 2)},"0")&"; the claim needs 33 or less.","no data.")',
            f'={_claim(8, 0)}&": "&IF(ISNUMBER({_claim(8, 2)}),TEXT({_claim(8, 2)},{_SIGNED})'
            '&" sd; the claim needs 0.5 or more.","no data.")',
        ]
    return lines


def footer(options: Any) -> list[str]:
    """Return the four lines of the footer.

    Parameters
    ----------
    options : PitchOptions
        Audience, disclaimer and approver.

    Returns
    -------
    list of str
    """
    from xl_smallcap import __version__

    source = 'INDEX(RUSSELL_BETAS("relative",250,in_as_of),2,26)'
    first = (
        f'="Sources: "&{source}&". Snapshot "&RUSSELL_SNAPSHOT()&", as of "&TEXT({LATEST},"yyyy-mm-dd")'
        f'{LATER}&", xl_smallcap {__version__}. '
        'Betas: OLS, 250 daily changes, Newey-West errors, 90 % intervals. Index returns are price returns."'
    )
    second = "Projections are not shown to this audience. Figures on past periods are hypothetical, before costs."
    if options.projecting:
        origin = 'INDEX(RUSSELL_SCENARIO({0},"all","relative",,in_as_of),{1},2)'
        one, two = (origin.format(name, _SOURCE_ROW) for name in ("in_path", "in_against"))
        second = (
            f'="Path: "&{one}&" Against: "&{two}&" In both {LEVELS_ASSUMED}. '
            'Projections and odds are hypothetical, conditional on their path, before costs."'
        )
    third = (
        "xl_smallcap is not affiliated with or endorsed by FTSE Russell. For information only; not investment advice."
    )
    own = " ".join(x for x in (options.disclaimer, f"Approved by {options.approver}." if options.approver else "") if x)
    return [first, second, third, own]
