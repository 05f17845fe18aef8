"""The sentences of the pitch sheet, each a formula over the cells of Pitch data: they change when the numbers do."""

from __future__ import annotations

from typing import Any

from xl_smallcap.analyses.thesis import CLAIMS
from xl_smallcap.data.scenarios import LEVELS_ASSUMED
from xl_smallcap.session import current_session
from xl_smallcap.workbooks.outgoing import publishers_behind
from xl_smallcap.workbooks.sheets import LATER, LATEST
from xl_smallcap.workbooks.sheets import pitch_data as data
from xl_smallcap.xlsx.references import address

MAP_TITLE = "Odds of outperformance in 3 months over growth and inflation, conditional on both (weekly betas)"
_LONGEST = 200
_STALE_DAYS = 45
"""A number older than this beside the page's day is shown with its own."""
SAMPLE = '=IF(LEFT(RUSSELL_SNAPSHOT(),6)="SAMPLE","SAMPLE: synthetic data, not a market","")'
_HORIZON_ROW, _SOURCE_ROW = 44, 46
"""Of RUSSELL_SCENARIO's table with the default specification."""
_SIGNED = '"+0.00;-0.00;0.00"'
_ONE = '"+0.0;-0.0;0.0"'


def _at(row: int, column: int) -> str:
    return f"'{data.NAME}'!{address(row, column, fixed=True)}"


def _claim(i: int, column: int) -> str:
    return _at(data.CLAIM_ROW + i, data.CLAIM_COLUMN + column)


def _verdict(i: int) -> str:
    return _claim(i, 6)


def _count(word: str, skipped: tuple[int, ...]) -> str:
    return "+".join(f'IF({_verdict(i)}="{word}",1,0)' for i in range(len(CLAIMS)) if i not in skipped)


def _listed(word: str, skipped: tuple[int, ...]) -> str:
    return "&".join(
        f'IF({_verdict(i)}="{word}",{_claim(i, 0)}&"; ","")' for i in range(len(CLAIMS)) if i not in skipped
    )


def _later_view(name: str) -> str:
    """What is said where a path was written after the page's day."""
    rows = (data.PATHS, data.PATHS + data.MOST_PATHS - 1)
    ids, days = (
        f"{_at(rows[0], data.PATHS_COLUMN + k)}:{address(rows[1], data.PATHS_COLUMN + k, True)}" for k in (0, 1)
    )
    day = f"INDEX({days},MATCH({name},{ids},0))"
    return f'IFERROR(IF({day}>{LATEST}," (written "&TEXT({day},"yyyy-mm-dd")&", later than this page)",""),"")'


def _skipped(projecting: bool) -> tuple[int, ...]:
    return () if projecting else data.PROJECTED


def headline(projecting: bool) -> str:
    """Return the headline: what the data say, as a formula."""
    beta = '"{0} "&TEXT({1},' + _SIGNED + ')&" % ("&{2}&")"'
    parts = [
        beta.format(name, _at(data.BETAS + k, 1), _at(data.BETAS + k, 6))
        for k, name in ((0, "growth"), (1, "inflation"), (2, "easing"))
    ]
    text = '="Small less large per standard deviation, last 250 days: "&' + '&", "&'.join(parts) + '&". "'
    if projecting:
        growth_month = 'LEFT(TEXT(INDEX(RUSSELL_REGIMES(3,in_as_of),2,10),"yyyy-mm-dd"),7)'
        text += (
            f'&"Goldilocks in three months: "&IFERROR(TEXT({_claim(3, 2)},"0%")&", four models from "'
            f'&TEXT({_claim(3, 4)},"0%")&" to "&TEXT({_claim(3, 5)},"0%")&" (growth known to "&{growth_month}&")",'
            '"no estimate")&". "'
        )
        said = []
        for name in ("in_path", "in_against"):
            stat = f'RUSSELL_SCENARIO({name},"relative","{{0}}",,in_as_of)'
            months = f'INDEX(RUSSELL_SCENARIO({name},"relative","all",,in_as_of),{_HORIZON_ROW},2)'
            said.append(
                f'SUBSTITUTE({name},"_"," ")&{_later_view(name)}&" the mean over "&TEXT({months},"0")&" months is "'
                f'&TEXT({stat.format("mean")},{_ONE})&" log % (odds "&TEXT({stat.format("prob_outperform")},"0%")'
                f'&", base rate "&TEXT({stat.format("base_rate")},"0%")&")"'
            )
        text += f'&"By weekly betas, conditional on "&{said[0]}&", on "&{said[1]}&". "'
    skipped = _skipped(projecting)
    total = len(CLAIMS) - len(skipped)
    text += (
        f"&IF({_count('supported', skipped)}+{_count('contradicted', skipped)}=0,"
        f'"Of {total} claims of the thesis the data decide none.",'
        f'"Of {total} claims of the thesis the data support "'
        f'&TEXT({_count("supported", skipped)},"0")&" and contradict "'
        f'&TEXT({_count("contradicted", skipped)},"0")&"; the rest they do not decide.")'
    )
    return text


def level_tiles() -> list[tuple[str, str, str]]:
    """Return the three levels that matter: where the path's call is a coin's toss. Label, number and explanation."""

    def tile(row: int, label: str, turned: bool, rate: bool) -> tuple[str, str, str]:
        now, shock, level, fails, low, high, bounded = (_at(row, k) for k in (1, 2, 3, 4, 5, 6, 7))
        shown = f'TEXT({level},"0.00")&" %"' if rate else f'TEXT({shock},{_ONE})&" %"'
        number = f'=IF({bounded}="yes",{shown},"no level")'
        if turned:
            low, high = high, low
        ends = [
            f'TEXT({now}{"-" if turned else "+"}{e}/100,"0.00")' if rate else f"TEXT({e},{_ONE})" for e in (low, high)
        ]
        one, two = ("above", "below") if turned else ("below", "above")
        must = f'IF({fails}="below","{two}","{one}")'
        rest = f'"now "&TEXT({now},"0.00")&" %; "' if rate else '"move over the path; "'
        says = (
            f'={rest}&IF({bounded}="yes","must be "&{must}&" it for better odds than a half (90 %: "'
            f'&{ends[0]}&" to "&{ends[1]}&")","the data cannot bound it: errors of the betas are too wide")'
        )
        return label, number, says

    return [
        tile(data.LEVELS + 1, "Inflation: level of the 5-year breakeven, on the path, by weekly betas", False, True),
        tile(data.LEVELS + 2, "Easing: level of the 2-year yield, on the path, by weekly betas", True, True),
        tile(data.LEVELS, "Growth: move of cyclicals less defensives, on the path, by weekly betas", False, False),
    ]


def factor_tiles() -> list[tuple[str, str, str]]:
    """Return tiles without a projection: how unusual today's factors are. Label, number and explanation."""
    says = "level against the last 250 observations"
    return [
        (label, f'=TEXT(RUSSELL_FACTOR("{factor}","z",in_as_of),{_SIGNED})&" sd"', says)
        for factor, label in (("inflation", "Inflation: 5-year breakeven"),
                              ("easing", "Easing: 2-year yield, sign turned"),
                              ("growth", "Growth: cyclicals less defensives"))
    ]  # fmt: skip


NEEDLE = (
    '=IFERROR("Growth without inflation and outperformance together within 3 months: "'
    '&TEXT(RUSSELL_NEEDLE("relative","joint",3,in_as_of),"0%")&" now, "'
    '&TEXT(RUSSELL_NEEDLE("relative","joint_base",3,in_as_of),"0%")&" in all months alike.",'
    '"No odds of the needle by that day.")'
)


def claim(i: int, projecting: bool) -> tuple[str, str, str]:
    """Return one line of the checklist: claim, first statistic with its interval, verdict."""
    if i in _skipped(projecting):
        return CLAIMS[i], "", "not shown"
    value, unit, low, high, day = (_claim(i, k) for k in (2, 3, 4, 5, 10))

    def shown(cell: str) -> str:
        form = f'IF({unit}="share",TEXT({cell},"0%"),TEXT({cell},"0.00;-0.00;0.00"))'
        return f'IF({unit}="percentile",TEXT({cell},"0"),{form})'

    interval = f'IF(ISNUMBER({low})," ("&{shown(low)}&" to "&{shown(high)}&")","")'
    stale = f'IF(ISNUMBER({day}),IF({LATEST}-{day}>{_STALE_DAYS},", of "&TEXT({day},"yyyy-mm-dd"),""),"")'
    named = f'IF({unit}="share",""," "&{unit})'
    number = f'=IF(ISNUMBER({value}),{shown(value)}&{named}&{interval}&{stale},"no data")'
    against_ = f'IF({_claim(i, 8)}>0,", "&TEXT({_claim(i, 8)},"0")&" against","")'
    rows = f'" ("&TEXT({_claim(i, 7)},"0")&" of "&TEXT({_claim(i, 9)},"0")&{against_}&")"'
    return f"={_claim(i, 0)}&{rows}", number, f"={_verdict(i)}"


def against(projecting: bool) -> list[str]:
    """Return the case against, five formulas."""
    skipped = _skipped(projecting)
    total = len(CLAIMS) - len(skipped)
    undecided = "+".join(_count(word, skipped) for word in ("mixed", "unclear", "not tested"))
    few = f'TEXT({undecided},"0")&" of {total} claims are not decided by the data."'
    some = "&".join(
        f'IF(AND({_claim(i, 8)}>0,{_verdict(i)}<>"contradicted"),{_claim(i, 0)}&"; ","")'
        for i in range(len(CLAIMS))
        if i not in skipped
    )
    part = f'IF(LEN({some})>0,"Contradicted by one way of looking: "&{some},"")'
    listing = f'IF({_count("contradicted", skipped)}>0,"Contradicted: "&{_listed("contradicted", skipped)},"")&{part}'
    fair = 'RUSSELL_FAIR_VALUE("relative","{0}",250,in_as_of,"levels")'
    metals = 'RUSSELL_BETA("growth_metals","relative","{0}",250,in_as_of,,,"macro:growth_metals")'
    after = f"INDEX(RUSSELL_REGIME_RETURNS({data.TARGET},in_as_of),5,{{0}})"  # goldilocks, next month
    speaks_for = f'IF(LEFT({after.format(13)},6)="higher","Not against it: in","In")'
    helps = f'IF({fair.format("verdict")}&""="supported","Not against it: fair","Fair")'
    copper = (
        '=IFERROR("Growth is an equity proxy. From copper and gold its beta is "'
        f'&TEXT({metals.format("beta")},{_SIGNED})&" (t "&TEXT({metals.format("tstat")},{_ONE})&").",'
        '"Growth is an equity proxy; its copper and gold row cannot be fitted on these data.")'
    )
    lines = [
        f"={listing}&{few}",
        copper,
        f'=IFERROR({helps}&" value of small less large on levels is "&{fair.format("verdict")}&": its R² of "'
        f'&TEXT({fair.format("rsquared")},"0.00")&" is beaten by "'
        f'&TEXT(1-{fair.format("noise_percentile")},"0%")&" of random walks, how surely its gaps close by "'
        f'&TEXT({fair.format("cointegration_pvalue")},"0%")&".","No fair value on levels.")',
        f'=IFERROR({speaks_for}&" the month after a goldilocks month small less large made "'
        f'&TEXT({after.format(5)},{_SIGNED})&" % ("&TEXT({after.format(3)},"0")&" months, hypothetical): "'
        f'&{after.format(13)}&".","What regimes meant for returns is not computed here, or not known by that day.")',
    ]
    if projecting:
        conflict = 'RUSSELL_SCENARIO(in_path,"relative","frequency_conflict",,in_as_of)'
        worst = 'RUSSELL_SCENARIO(in_path,"relative","worst_analogue{0}",,in_as_of)'
        score = 'INDEX(RUSSELL_SCENARIO_SCORE("relative",1,in_as_of),{0},7)'
        skill = f'IF({score.format(4)}<MIN({score.format(5)},0.25)-0.005,"some","no")'
        lines = [
            f'=IFERROR(IF({conflict}&""<>"none","Daily and weekly betas to "&{conflict}&" have opposite signs: odds, '
            'fan, map and levels are by weekly betas, the bars by daily ones.",'
            '"Daily and weekly betas do not clearly differ in sign."),"No projection by that day.")',
            *lines[:1],
            lines[1] + '&" "&' + lines[2][1:],
            lines[3],
            '=IFERROR("Hypothetical, before costs: one month ahead, path unknown, such odds score "'
            f'&TEXT({score.format(4)},"0.000")&" (Brier), the base rate "&TEXT({score.format(5)},"0.000")&": "&{skill}'
            f'&" skill. ","")&IFERROR("Worst analogue of the path: "&TEXT({worst.format("_return")},{_ONE})'
            f'&" %, "&{worst.format("")}&".","")',
        ]
    else:
        fit = 'RUSSELL_FIT("relative","rsquared_oos",250,in_as_of)'
        lines.append(f'=IFERROR("Out of sample the daily factor model has an R² of "&TEXT({fit},"0.00")&".","")')
    return lines


def change(projecting: bool) -> list[str]:
    """Return what would change our mind, five formulas."""

    def rows(i: int, needs: str) -> str:
        return (
            f'=IFERROR({_claim(i, 0)}&": "&TEXT({_claim(i, 7)},"0")&" of "&TEXT({_claim(i, 9)},"0")'
            '&" rows support it, "'
            f'&TEXT({_claim(i, 8)},"0")&" contradict; it takes every interval wholly "'
            f'&"{needs} zero (daily now "'
            f'&TEXT({_claim(i, 4)},{_SIGNED})&" to "&TEXT({_claim(i, 5)},{_SIGNED})&").",{_claim(i, 0)}&": no data.")'
        )

    chance, low, high = (_claim(3, k) for k in (2, 4, 5))
    weekly = 'RUSSELL_BETA("inflation","relative","{0}","104w",in_as_of)'
    scored = "INDEX(RUSSELL_REGIME_SCORE(in_as_of),2,{0})"  # goldilocks, the month itself
    lines = [rows(0, "above"), rows(2, "below"), rows(1, "above")]
    if projecting:
        lines += [
            f'=IFERROR("Goldilocks three months on at "&TEXT({chance},"0%")&" ("&TEXT({low},"0%")&" to "'
            f'&TEXT({high},"0%")&" by model): "&IF({low}>0.5,"likely until one model falls below a half",'
            f'IF({high}<0.5,"unlikely until one model rises above a half",'
            '"no call until all models are on one side of a half"))&".",'
            '"No regime estimate.")'
            f'&IFERROR(" For the month itself it scored "&TEXT({scored.format(7)},"0.00")'
            f'&" (Brier), last month\'s regime alone "&TEXT({scored.format(9)},"0.00")&".","")',
            '=IFERROR("Inflation by weekly betas (104 weeks): "&TEXT('
            f'{weekly.format("lower")},{_SIGNED})&" to "&TEXT({weekly.format("upper")},{_SIGNED})'
            '&"; the thesis needs it wholly below zero, as it does of the daily one.","No weekly betas.")',
        ]
    else:
        lines += [
            f'={_claim(6, 0)}&": "&IF(ISNUMBER({_claim(6, 2)}),"percentile "'
            f'&TEXT({_claim(6, 2)},"0")&"; the claim needs 33 or less.","no data.")',
            f'={_claim(8, 0)}&": "&IF(ISNUMBER({_claim(8, 2)}),TEXT({_claim(8, 2)},{_SIGNED})'
            '&" sd; the claim needs 0.5 or more.","no data.")',
        ]
    return lines


def _literal(text: str) -> str:
    """A text in a formula: Excel takes no literal longer than 255 characters."""
    pieces = [text[i : i + _LONGEST] for i in range(0, len(text), _LONGEST)]
    return "&".join('"' + piece.replace('"', '""') + '"' for piece in pieces or [""])


def footer(options: Any) -> list[str]:
    """Return the four lines of the footer."""
    from xl_smallcap._version import __version__

    source = 'INDEX(RUSSELL_BETAS("relative",250,in_as_of),2,26)'
    publishers = _literal(publishers_behind(current_session()))
    first = (
        f'="Sources: "&{source}&" ("&{publishers}&"). Snapshot "&RUSSELL_SNAPSHOT()&", as of "'
        f'&TEXT({LATEST},"yyyy-mm-dd")'
        f'{LATER}&", xl_smallcap {__version__}. '
        'Betas: OLS, 250 daily changes, Newey-West errors, 90 % intervals. Index returns are price returns."'
    )
    second = "Projections are not shown to this audience. Figures on past periods are hypothetical, before costs."
    if options.projecting:
        origin = 'INDEX(RUSSELL_SCENARIO({0},"relative","all",,in_as_of),{1},2)'
        assumed = f" {LEVELS_ASSUMED[0].upper()}{LEVELS_ASSUMED[1:]}."  # said once, not three times
        one, two = (
            f'SUBSTITUTE({origin.format(name, _SOURCE_ROW)},"{assumed}","")' for name in ("in_path", "in_against")
        )
        second = (
            f'="Path: "&{one}&" Against: "&{two}&" In both {LEVELS_ASSUMED}. '
            'Projections and odds are hypothetical, conditional on their path, before costs."'
        )
    third = (
        "xl_smallcap is not affiliated with or endorsed by FTSE Russell. For information only; not investment advice."
    )
    own = " ".join(x for x in (options.disclaimer, f"Approved by {options.approver}." if options.approver else "") if x)
    return [first, second, third, own]
