"""Sheet Pitch data: the named results behind the page, and the blocks of its charts and of its scorecard."""

from __future__ import annotations

from dataclasses import dataclass

from xl_smallcap.analyses.sentence import CLEAR_P, FREQUENCIES, short
from xl_smallcap.analyses.thesis import CLAIMS
from xl_smallcap.sentences import Is, Known, Say, either, say
from xl_smallcap.workbooks.draft import Page
from xl_smallcap.workbooks.results import MISSING, Results, Tables
from xl_smallcap.workbooks.sheets import inputs
from xl_smallcap.workbooks.sheets.factors import waterfall
from xl_smallcap.workbooks.styles import BETA, COUNT, DATE, POINTS, PVALUE, RANK, SHARE
from xl_smallcap.xlsx.references import address

NAME = "Pitch data"
FACTORS = ("growth", "inflation", "easing", "dollar", "oil")
MACRO = FACTORS[:3]
WINDOWS = {"weeks": '"104w"', "days": "250", "months": '"60m"'}
"""As a formula asks for the windows of :data:`xl_smallcap.analyses.sentence.FREQUENCIES`."""
CLAIM_NAMES = dict(
    zip(
        ("growth", "easing", "inflation", "goldilocks", "paths", "dispersion", "positioning", "shorts", "valuation",
         "estimates"), CLAIMS, strict=True,
    )
)  # fmt: skip
"""Short name -> claim of the thesis, in its order."""
CLAIMS_SHOWN = {"paths": "Low inflation beats the rebound", "dispersion": "Dispersion is above twice the S&P's"}
"""Claims whose words are too long for the scorecard."""
PROJECTED = ("goldilocks", "paths")
"""Claims that are projections: goldilocks months ahead, and the paths' difference."""
GAUGED = ("shorts", "valuation", "estimates")
NEXT, MOST_WEEKS, SIGNIFICANT = 3, 65, 1.645
"""News shown ahead; weeks from the beginning of January to the end of March a year later; half of 90 % in errors."""
POINT_VALUE = 50
"""Dollars a point of E-mini Russell 2000 and of E-mini S&P 500 futures (CME)."""
TOP = 2
BETAS_COLUMN, STEPS_COLUMN, YEAR_COLUMN, CLAIMS_COLUMN = 5, 14, 28, 34
LABEL = 42
"""Characters of a path's name that the table has room for."""
NOT_TESTED = 1000
"""Order of a claim that was not tested: after every one that was."""


@dataclass(frozen=True)
class Block:
    """Rows and columns of a chart's data, from zero."""

    first: int
    last: int
    column: int


def claims_of(projecting: bool) -> list[str]:
    """Return the claims a page shows, in the order of the table."""
    return [name for name in CLAIM_NAMES if projecting or name not in PROJECTED]


def _market(results: Results, tables: Tables, options: inputs.PitchOptions) -> None:
    results.section("Market")
    results.add("day", "page_day", DATE, "the day of the page")
    results.add("previous", "page_previous", DATE, "the day of the previous page")
    results.add("from", "page_from", DATE, "the day from which the year's charts run")
    results.add("snapshot", "RUSSELL_SNAPSHOT()", says="the data")
    results.add("synthetic", f'IF(LEFT({results["snapshot"]},6)="SAMPLE",1,0)', "0", "1: made-up data")
    if options.internal:  # levels of indices do not leave the house
        for name, series in (("russell.level", "RUT"), ("sp500.level", "GSPC")):
            call = f'RUSSELL_SOURCE("{series}",in_as_of)'
            results.add(name, tables.at(call, 1, "value"), POINTS, "index points")
        results.add("ratio", f"{results['russell.level']}/{results['sp500.level']}", PVALUE, "Russell over S&P 500")
    actual = 'RUSSELL_FAIR_VALUE("relative","actual",250,{})'
    change = f"100*({actual.format('in_as_of')}/{actual.format('page_previous')}-1)"
    results.add("ratio.change", change, BETA, "% since the previous page")
    results.add("pe", 'RUSSELL_GAUGE("pe_all","value",in_as_of)', "0.0", "price/earnings of all members, where loaded")
    results.add("pe.z", 'RUSSELL_GAUGE("pe_all","z5y",in_as_of)', BETA, "sd from its five-year mean")
    calendar = 'RUSSELL_CALENDAR("easing","relative",60,in_as_of)'
    for k in range(1, NEXT + 1):
        for column, form in (("date", DATE), ("event", ""), ("beta", BETA), ("lower", BETA), ("upper", BETA)):
            formula = tables.at(calendar, k, column)
            results.add(f"next.{k}.{column}", f'{formula}&""' if column == "event" else formula, form)
        results.add(f"next.{k}.half", f"({results[f'next.{k}.upper']}-{results[f'next.{k}.lower']})/2", BETA)


def _betas(results: Results) -> None:
    results.section("Betas of Russell less S&P 500, % per +1 sd; weeks lead")
    for factor in FACTORS:
        for frequency, _ in FREQUENCIES:
            if frequency == "months" and factor not in MACRO:
                continue
            stem = f"{factor}.{frequency}"
            for name, stat, form in (("beta", "beta", BETA), ("lower", "lower", BETA), ("upper", "upper", BETA),
                                     ("p", "pvalue_bh", PVALUE)):  # fmt: skip
                call = f'RUSSELL_BETA("{factor}","relative","{stat}",{WINDOWS[frequency]},in_as_of)'
                results.add(f"{stem}.{name}", call, form)
            results.add(f"{stem}.half", f"({results[f'{stem}.upper']}-{results[f'{stem}.lower']})/2", BETA)
    for factor in MACRO:
        results.add(f"{factor}.said", short(factor), says="its readings in a sentence")
        results.add(f"{factor}.brief", short(factor, intervals=False))
    results.add("rsquared", 'RUSSELL_FIT("relative","rsquared","104w",in_as_of)', SHARE, "of the weekly variance")
    metals = 'RUSSELL_BETA("growth_metals","relative","{}",250,in_as_of,,,"macro:growth_metals")'
    for end in ("lower", "upper"):
        results.add(f"metals.{end}", metals.format(end), BETA, "growth from copper and gold, days")
    results.add("leveraged", 'RUSSELL_POSITIONING("leveraged","percentile5y",in_as_of)', RANK, "percentile, 5 years")
    for factor in MACRO:
        for stat in ("level", "z"):
            results.add(f"{factor}.{stat}", f'RUSSELL_FACTOR("{factor}","{stat}",in_as_of)', BETA)


def _period(results: Results, tables: Tables) -> None:
    results.section("What drove the period, log %")
    call = 'RUSSELL_ATTRIBUTION(page_from,in_as_of,"relative")'
    for item in (*FACTORS, "drift", "specific", "total"):
        results.add(f"why.{item}", tables.at(call, {"item": item}, "contribution"), BETA)
    results.add("why.rest", f"{results['why.drift']}+{results['why.specific']}", BETA, "not explained")
    results.add("why.macro", f"{results['why.total']}-{results['why.rest']}", BETA, "explained by the five factors")
    plug = f"ROUND({results['why.total']},1)-ROUND({results['why.macro']},1)"
    results.add("why.plug", plug, BETA, "not explained, so that it adds up as shown")
    more = f"ABS({results['why.plug']})-ABS({results['why.macro']})"
    results.add("why.more", more, BETA, "how much more is not explained than is")


def _claims(results: Results, tables: Tables, projecting: bool) -> None:
    results.section("The thesis: the first row of each claim, its verdict, and the rows that support it")
    call = "RUSSELL_THESIS(in_as_of)"
    rows = tables.rows(call)
    for name in claims_of(projecting):
        claim = CLAIM_NAMES[name]
        # what was found by looking decides no claim
        own = [i for i, r in enumerate(rows, 1) if r["claim"] == claim and r["status"] != "found in these data"]
        for column, form in (("basis", ""), ("value", BETA), ("unit", ""), ("lower", BETA), ("upper", BETA),
                             ("last_date", DATE), ("claim_verdict", "")):  # fmt: skip
            formula = tables.at(call, own[0], column) if own else "NA()"
            text = f'{formula}&""' if form == "" else formula
            if column == "claim_verdict":
                text = f'IFERROR({text},"not tested")'
            results.add(f"claim.{name}.{column}", text, form)
        # a gauge's number has one way of looking
        way = f'", "&SUBSTITUTE({results[f"claim.{name}.basis"]},"_"," ")' if name not in GAUGED else '""'
        results.add(f"claim.{name}.way", way, says="of looking, of that number")
        half = f"({results[f'claim.{name}.upper']}-{results[f'claim.{name}.lower']})/2"
        results.add(f"claim.{name}.half", half, BETA)
        for word in ("supported", "contradicted"):
            terms = ",".join(f'IF({tables.at(call, i, "verdict")}&""="{word}",1,0)' for i in own)
            results.add(f"claim.{name}.{word}", f"SUM({terms})" if own else "0", COUNT)
        results.add(f"claim.{name}.rows", str(len(own)), COUNT)
    if projecting:
        growth = tables.at("RUSSELL_REGIMES(0,in_as_of)", {"regime": "goldilocks"}, "growth_to")
        results.add("growth.known", growth, DATE, "the last month whose growth was known")


def _paths(results: Results, tables: Tables) -> None:
    results.section("Paths: Russell less S&P 500 over each path's months, log %; odds conditional on the path")
    first = f"{inputs.NAME}!{address(inputs.PATHS, 1, True)}"
    length = tables.at(f'RUSSELL_SCENARIO({first},"relative","all",,in_as_of)', {"stat": "horizon_months"}, "value")
    results.add(
        "months", f'IF({first}="",NA(),{length})', RANK, "length of the first path, over which all are projected"
    )
    horizon = f'IF(ISNUMBER({results["months"]}),{results["months"]},"")'
    for i in range(inputs.MOST_PATHS):
        cell, label, later, found = (
            f"{inputs.NAME}!{address(inputs.PATHS + i, column, True)}" for column in (1, 3, 4, 5)
        )
        stem = f"path.{i + 1}"
        star = f'IF(ISNUMBER({later}),IF({later}>page_day,"*",""),"")'
        if i < 2:
            results.add(f"{stem}.id", f'{found}&""')
        short = f'IF(LEN({label})>{LABEL},LEFT({label},{LABEL - 1})&"…",{label})'
        results.add(f"{stem}.label", f'IF({cell}="","",{short}&{star})', says="* written after the page's day")
        for stat, form in (("mean", BETA), ("sd", BETA), ("p5", BETA), ("p95", BETA), ("prob_outperform", SHARE),
                           ("base_rate", SHARE), ("base_rate_se", SHARE), ("share_beta", SHARE)):  # fmt: skip
            if i > 1 and stat in ("sd", "base_rate_se", "share_beta"):
                continue
            call = f'RUSSELL_SCENARIO({cell},"relative","{stat}",{horizon},in_as_of)'
            results.add(f"{stem}.{stat}", f'IF({cell}="",NA(),{call})', form)
    days = f"{inputs.NAME}!{address(inputs.PATHS, 4, True)}:{address(inputs.PATHS + inputs.MOST_PATHS - 1, 4, True)}"
    results.add("later", f'IF(MAX({days})>page_day,"* written after this day","")')
    table = 'RUSSELL_SCENARIOS("relative",,in_as_of)'
    rows = tables.rows(table)
    blend = f'RUSSELL_SCENARIOS("relative",{horizon},in_as_of,in_weights)'
    weights = f"{inputs.NAME}!{address(inputs.PATHS, 2, True)}:{address(inputs.PATHS + inputs.MOST_PATHS - 1, 2, True)}"
    results.add("weights", f"SUM({weights})", SHARE, "weights typed, in all")
    odds = next((n for n in (rows[0] if rows else {}) if n.startswith("prob_outperform")), "")
    for stat, form in (("mean", BETA), ("p5", BETA), ("p95", BETA), (odds, SHARE), ("base_rate", SHARE)):
        formula = tables.in_row(blend, f"ROWS({blend})", stat, like=table)
        results.add(f"blend.{stat.partition(',')[0] or 'prob_outperform'}",
                    f"IF({results['weights']}=0,NA(),{formula})", form)  # fmt: skip
    half = f"{SIGNIFICANT}*{results['path.1.sd']}*SQRT({results['path.1.share_beta']})"
    results.add("call.lower", f"{results['path.1.mean']}-{half}", BETA, "of the path's mean, by the betas' errors")
    results.add("call.upper", f"{results['path.1.mean']}+{half}", BETA)
    results.add("call.gap", f"{results['path.1.prob_outperform']}-{results['path.1.base_rate']}", SHARE,
                "odds less base rate")  # fmt: skip
    results.add("call.least", f"{SIGNIFICANT}*{results['path.1.base_rate_se']}", SHARE, "what it takes")
    results.add("call.most", f"-{results['call.least']}", SHARE)


def _levels(results: Results, tables: Tables) -> None:
    """What must be true: the level at which the first path's call is a coin's toss."""
    results.section("Levels at which the odds on the first path are even")
    call = 'RUSSELL_TIPPING(,in_path,"relative",,in_as_of)'
    chosen = 'in_path=""'
    for factor in MACRO:
        for column in ("tipping", "call_fails", "lower", "upper"):
            formula = f"IF({chosen},NA(),{tables.at(call, {'factor': factor}, column)})"
            text = column == "call_fails"
            results.add(f"even.{factor}.{column}", f'{formula}&""' if text else formula, "" if text else BETA)
    for factor, sign in (("inflation", "+"), ("easing", "-")):  # easing is the yield with its sign turned
        now = results[f"{factor}.level"] if sign == "+" else f"-{results[f'{factor}.level']}"
        results.add(f"even.{factor}.now", now, "0.00", "%")
        for column in ("tipping", "lower", "upper"):
            end = {"lower": "upper", "upper": "lower"}.get(column, column) if sign == "-" else column
            there = f"{results[f'even.{factor}.now']}{sign}{results[f'even.{factor}.{end}']}/100"
            results.add(f"even.{factor}.{column}.level", there, "0.00", "%")


def _futures(results: Results) -> None:
    results.section("Futures for a stated risk")
    results.add("risk", "IF(ISNUMBER(in_risk),IF(in_risk>0,in_risk,NA()),NA())", COUNT, "dollars, one sd of a month")
    beta = 'RUSSELL_BETA("market","russell","beta","104w",in_as_of,"univariate",,"macro_market","native")'
    results.add("market.beta", beta, "0.00", "% of the Russell per 1 % of the S&P 500, weeks")
    call = 'RUSSELL_PROJECTION({"oil",0,"sd"},"hedged","sd",1,in_as_of)'
    results.add("hedged.sd", call, "0.00", "% a month")
    point = f"({results['hedged.sd']}/100*{POINT_VALUE}*{results['russell.level']})"
    results.add("rty", f"ROUND({results['risk']}/{point},0)", COUNT, "contracts of E-mini Russell 2000")
    ratio = f"{results['market.beta']}*{results['russell.level']}/{results['sp500.level']}"
    results.add("es", f"ROUND({results['risk']}/{point}*{ratio},0)", COUNT, "contracts of E-mini S&P 500")


def _reading(name: str) -> Say:
    """A claim's first number with its interval, by its unit."""
    value, low, high = f"claim.{name}.value", f"claim.{name}.lower", f"claim.{name}.upper"

    def shown(form: str, unit: str) -> Say:
        alone = say(f"{{{value}:{form}}}{unit}")
        return either(Known(low), say(alone, f" ({{{low}:{form}}} to {{{high}:{form}}})"), alone)

    def even(form: str, unit: str) -> Say:
        """An interval as wide on either side."""
        return either(
            Known(low),
            f"{{{value}:{form}}} ± {{claim.{name}.half:{form.strip('+')}}}{unit}",
            f"{{{value}:{form}}}{unit}",
        )

    said: Say = even("+2", "")
    for unit, one in (
        ("share", shown("%", "")),
        ("percentile", say("percentile ", shown("0", ""))),
        ("times", shown("1", " times")),
        ("sd", shown("+1", " sd")),
        ("%", even("+1", "%")),
    ):
        said = either(Is(f"claim.{name}.unit", "=", unit), one, said)
    return either(Known(value), say(said, f"{{claim.{name}.way}}"), "")


def _scorecard(page: Page, results: Results, projecting: bool) -> Block:
    """A row a claim with its order: decided ones first, those not tested last; the page takes them by order."""
    names = claims_of(projecting)
    top = TOP + 1
    page.put(TOP - 1, CLAIMS_COLUMN, "The scorecard; order: decided, then undecided, then not tested", kind="label",
             align="left")  # fmt: skip
    page.row(TOP, CLAIMS_COLUMN, ["claim", "first reading", "verdict", "order", "place"], "head")
    for i, name in enumerate(names):
        row, verdict = top + i, results[f"claim.{name}.claim_verdict"]
        page.put(row, CLAIMS_COLUMN, CLAIMS_SHOWN.get(name, CLAIM_NAMES[name]))
        page.put(row, CLAIMS_COLUMN + 1, "=" + _reading(name).formula(results))
        page.put(row, CLAIMS_COLUMN + 2, f"={verdict}")
        decided = f'OR({verdict}="supported",{verdict}="contradicted")'
        open_ = f'OR({verdict}="unclear",{verdict}="mixed")'
        page.put(row, CLAIMS_COLUMN + 3, f"=IF({decided},{i},IF({open_},{100 + i},{NOT_TESTED + i}))", RANK)
        orders = [address(top + j, CLAIMS_COLUMN + 3) for j in range(len(names))]
        place = ",".join(f"IF({one}<={orders[i]},1,0)" for one in orders)
        page.put(row, CLAIMS_COLUMN + 4, f"=SUM({place})", RANK)
        results.add(f"claim.{name}.place", f"{address(row, CLAIMS_COLUMN + 4, True)}", RANK)
    return Block(top, top + len(names) - 1, CLAIMS_COLUMN)


def number_or_gap(cell: str) -> str:
    """Return the formula of a number for a chart, which breaks where there is none."""
    return f"IF(ISNUMBER({cell}),{cell},NA())"


def _betas_block(page: Page, results: Results) -> Block:
    """Two rows a factor for the chart: weeks, clear or not, and days; the ends of the intervals beside them."""
    top = TOP + 1
    page.put(TOP - 1, BETAS_COLUMN, "Behind the chart of betas", kind="label", align="left")
    page.row(TOP, BETAS_COLUMN, ["", "weeks, clear", "weeks, not clear", "days", "half", "lower", "upper"], "head")
    for i, factor in enumerate(FACTORS):
        for j, frequency in enumerate(("weeks", "days")):
            row, stem = top + 2 * i + j, f"{factor}.{frequency}"
            beta, p = results[f"{stem}.beta"], results[f"{stem}.p"]
            page.put(row, BETAS_COLUMN, factor if j == 0 else "")
            clear = f"IF(ISNUMBER({p}),{p}<={CLEAR_P},FALSE)"
            beta = number_or_gap(beta)
            shown = (f"IF({clear},{beta},NA())", f"IF({clear},NA(),{beta})", "NA()") if j == 0 else (
                "NA()", "NA()", beta)  # fmt: skip
            for k, formula in enumerate(shown, 1):
                page.put(row, BETAS_COLUMN + k, f"={formula}", BETA)
            for k, end in enumerate(("half", "lower", "upper"), 4):
                page.put(row, BETAS_COLUMN + k, f"={number_or_gap(results[f'{stem}.{end}'])}", BETA)
    return Block(top, top + 2 * len(FACTORS) - 1, BETAS_COLUMN)


def _steps_block(page: Page, results: Results) -> Block:
    page.put(TOP - 1, STEPS_COLUMN, "Behind the waterfall", kind="label", align="left")
    names = (*((f, f, f) for f in FACTORS), ("not\nexplained", "rest", "plug"), ("total", "total", "total"))
    items = []
    for label, name, number in names:  # the number stands below its bar's name, so that the chart needs no axis
        said = either(Known(f"why.{number}"), f"{label}\n{{why.{number}:+1}}", label)
        items.append((f"={said.formula(results)}", f"={number_or_gap(results[f'why.{name}'])}"))
    first, last = waterfall(page, TOP, STEPS_COLUMN, items)
    for row in range(first, last + 1):
        page.sheet.set_row(row, 15)  # else a label of two lines makes its row as high
    return Block(first, last, STEPS_COLUMN)


def _year_block(page: Page, results: Results) -> Block:
    """Small less large since the period began, week by week to the day; the rest of the rows repeats the last."""
    top, column = TOP + 1, YEAR_COLUMN
    page.put(TOP - 1, column, "Small less large since the period began, log %", kind="label", align="left")
    page.row(TOP, column, ["to", "log %"], "head")
    first = address(top, column + 2, True)
    step = f"MAX(7,ROUND(({results['day']}-{results['from']})/{MOST_WEEKS}+0.5,0))"
    results.add("year.step", step, COUNT, "days from point to point of the first chart")
    page.put(TOP, column + 2, "index", kind="head")
    for i in range(MOST_WEEKS + 1):
        row = top + i
        # the year begins with the last close before it, drawn on its first day
        later = f"{i}*{results['year.step']}" if i else "1"
        page.put(row, column, f"=MIN({results['from']}+{later},{results['day']})", DATE)
        asked = address(row, column) if i else results["from"]
        index = f'RUSSELL_FAIR_VALUE("relative","actual",250,{asked})'
        here = address(row, column + 2)
        page.put(row, column + 2, f'=IFERROR({index},"{MISSING}")', BETA)
        page.put(row, column + 1, f"=IF(AND(ISNUMBER({here}),ISNUMBER({first})),100*LN({here}/{first}),NA())", BETA)
    return Block(top, top + MOST_WEEKS, column)


@dataclass(frozen=True)
class Behind:
    """What the page is made of: named results, and the blocks of its charts and of its scorecard."""

    results: Results
    betas: Block
    steps: Block
    year: Block
    claims: Block


def build(page: Page, options: inputs.PitchOptions) -> Behind:
    """Write the sheet. The sentences come after, as further results; the page's builder sets the print area."""
    page.put(0, 0, "Behind the page: every result by its name", kind="title")
    tables = Tables(page.draft, page.name)
    results = Results(page, TOP)
    _market(results, tables, options)
    _betas(results)
    _period(results, tables)
    _claims(results, tables, options.projecting)
    if options.projecting:
        _paths(results, tables)
        _levels(results, tables)
        if options.internal:
            _futures(results)
    page.sheet.set_column(0, 0, 26)
    page.sheet.set_column(1, 1, 16)
    page.sheet.set_column(2, 2, 44)
    page.sheet.set_column(3, CLAIMS_COLUMN + 6, 11)
    page.sheet.freeze_panes(TOP + 1, 1)
    page.sheet.set_landscape()
    page.sheet.set_paper(9)
    page.sheet.fit_to_pages(1, 0)
    page.sheet.repeat_rows(TOP)
    return Behind(
        results, _betas_block(page, results), _steps_block(page, results), _year_block(page, results),
        _scorecard(page, results, options.projecting),
    )  # fmt: skip
