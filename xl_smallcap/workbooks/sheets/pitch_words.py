"""The sentences of the page: templates over named results. What is said when is written in docs/methods.md, Page."""

from __future__ import annotations

from xl_smallcap._version import __version__
from xl_smallcap.analyses.sentence import CLEAR_P
from xl_smallcap.analyses.thesis import PATHS
from xl_smallcap.sentences import All, Either, Filled, Is, Known, Say, Short, Test, either, first_of, literal, say
from xl_smallcap.session import current_session
from xl_smallcap.workbooks.outgoing import publishers_behind
from xl_smallcap.workbooks.results import Results
from xl_smallcap.workbooks.sheets import inputs
from xl_smallcap.workbooks.sheets.pitch_data import MACRO, NEXT, claims_of

PHRASES = {
    "growth": ("growth helps", "growth hurts"),
    "easing": ("easing helps", "easing hurts"),
    "inflation": ("inflation hurts", "inflation helps"),
    "goldilocks": ("goldilocks is likely", "goldilocks is unlikely"),
    "paths": ("low inflation beats the rebound", "the rebound beats low inflation"),
    "dispersion": ("dispersion is above twice", "dispersion is below twice"),
    "positioning": ("positioning is light", "positioning is not light"),
    "shorts": ("short interest is high", "short interest is low"),
    "valuation": ("valuation is above average", "valuation is below average"),
    "estimates": ("estimates are too high", "estimates are not high"),
}  # fmt: skip
"""What the title says of a claim that is supported or contradicted."""
CORE = ("growth", "easing", "inflation", "goldilocks")
SHORT_NAMES = {
    "growth": "growth", "easing": "easing", "inflation": "inflation", "goldilocks": "goldilocks", "paths": "paths",
    "dispersion": "dispersion", "positioning": "positioning", "shorts": "shorts", "valuation": "valuation",
    "estimates": "estimates",
}  # fmt: skip
SIGNS = {"growth": 1, "easing": 1, "inflation": -1}
"""The sign of a beta by which its claim is supported."""
FEWEST_WORDS = 4
"""A path's name of more words is not said in a sentence of 25."""
MOST_CLAIMS = 8
PUBLISHERS_LENGTH = 26
INTERNAL = "INTERNAL"


def phrase(name: str) -> Say:
    """Say what the title can say of a claim: nothing where it is open, or where the weekly beta has the other sign."""
    tests: list[list[Test]] = [[Is(f"claim.{name}.claim_verdict", "=", w)] for w in ("supported", "contradicted")]
    if name in SIGNS:
        beta = f"{name}.weeks.beta"
        for one, sign in zip(tests, (SIGNS[name], -SIGNS[name]), strict=True):
            one.append(Is(beta, ">" if sign > 0 else "<", 0.0))
    yes, no = PHRASES[name]
    return first_of([(All(tuple(tests[0])), yes), (All(tuple(tests[1])), no)], "")


def title(projecting: bool) -> Say:
    """The conclusion: whether there is a call, and what of the thesis is decided."""
    names = claims_of(projecting)
    core = [n for n in CORE if n in names]
    two = [(All((Filled(f"say.{a}"), Filled(f"say.{b}"))), f"{{say.{a}}}, {{say.{b}}}")
           for i, a in enumerate(core) for b in core[i + 1 :]]  # fmt: skip
    one = [(Filled(f"say.{n}"), f"{{say.{n}}}") for n in names]
    if not projecting:
        return say("Small against large: ", first_of([*two, *one], "no claim of the thesis is decided"), ".")
    decided = first_of([*two, *one], "no claim is decided")
    # with a path's name in it a title has room for one claim
    first = first_of([*one], "no claim is decided")
    path = either(Short("path.1.label", 3, 27), 'On "{path.1.label}" odds favour ', "On this path odds favour ")
    up = All((Is("call.lower", ">", 0.0), Is("call.gap", ">", "{call.least}")))
    down = All((Is("call.upper", "<", 0.0), Is("call.gap", "<", "{call.most}")))
    return first_of(
        [(up, say(path, "small; ", first)), (down, say(path, "large; ", first))],
        say("No call on small against large; ", decided),
    ) + say(".")


def _evidence() -> Say:
    parts = [
        either(Known(f"{f}.weeks.beta"), f"{f} {{{f}.weeks.beta:+2}} ± {{{f}.weeks.half:2}}", f"{f} unknown")
        for f in MACRO
    ]
    clear = {f: Is(f"{f}.weeks.p", "<=", CLEAR_P) for f in MACRO}
    some = [(All(tuple(clear[f] for f in group)), "; clear after correction: " + " and ".join(group)) for group in (
        MACRO, (MACRO[0], MACRO[1]), (MACRO[0], MACRO[2]), (MACRO[1], MACRO[2]), *((f,) for f in MACRO)
    )]  # fmt: skip
    said = say(
        "Weekly betas, % per sd (± 90%): ",
        parts[0],
        ", ",
        parts[1],
        ", ",
        parts[2],
        first_of(some, "; none clear after correction"),
        ".",
    )
    return either(Known(f"{MACRO[0]}.weeks.beta"), said, "Weekly betas cannot be fitted by that day.")


def _holds(factor: str) -> Say:
    """Say yes of a factor that is no objection: its claim is supported, or its weekly beta clear with its sign."""
    right = Is(f"{factor}.weeks.beta", ">" if SIGNS[factor] > 0 else "<", 0.0)
    clear = All((Is(f"{factor}.weeks.p", "<=", CLEAR_P), right))
    return first_of([(Is(f"claim.{factor}.claim_verdict", "=", "supported"), "yes"), (clear, "yes")], "")


def _objection(projecting: bool) -> Say:
    """The first of the thesis' three factors that is open, and what macro said of the period or explains at all."""
    factors = [(Filled(f"holds.{f}"), f) for f in ("inflation", "easing", "growth")]
    unlike = "; macro said {why.macro:+1}%, small less large made {why.total:+1}%"
    alike = "; macro explains {rsquared:%} of the weekly variance"
    tail = first_of([(Is("why.more", ">", 0.0), unlike), (Known("rsquared"), alike)], "")
    said = say("All three signs hold", tail, ".")
    for test, factor in reversed(factors):
        open_ = say(f"{{{factor}.brief}}", tail, ".") if projecting else say(f"{{{factor}.said}}.")
        said = either(test, said, open_)
    return said


def _odds() -> Say:
    def named(k: int, otherwise: str) -> Say:
        return either(Short(f"path.{k}.label", FEWEST_WORDS, 36), f"{{path.{k}.label}}", otherwise)

    own = say("Odds over {months:0} months: {path.1.prob_outperform:%} (", named(1, "the path"), ")")
    other = either(Known("path.2.prob_outperform"),
                   say(", {path.2.prob_outperform:%} (", named(2, "the one against"), ")"), "")  # fmt: skip
    apart = [
        All((Is("path.1.id", "=", PATHS[0]), Is("path.2.id", "=", PATHS[1]), Is("claim.paths.claim_verdict", "=", v)))
        for v in ("unclear", "mixed")
    ]
    rest = say(
        either(Known("path.1.base_rate"), "; base rate {path.1.base_rate:%}"),
        first_of([(a, "; paths not told apart") for a in apart], ""),
        ".",
    )
    return either(
        Known("path.1.prob_outperform"),
        say(own, other, rest),
        "The first path cannot be projected by that day: see Inputs.",
    )


def _drivers() -> Say:
    said = say(
        "Since {from:date} small less large made {why.total:+1}%: macro {why.macro:+1}, not explained {why.plug:+1}."
    )
    return either(Known("why.total"), said, "What drove the period cannot be told by that day.")


def _event(k: int) -> Say:
    name = f"next.{k}.event"
    kinds = (("cpi", "CPI"), ("payrolls", "payrolls"), ("fomc", "Fed"))
    kind = first_of([(Is(name, "=", kind), said) for kind, said in kinds], f"{{{name}}}")
    meant = either(Known(f"next.{k}.beta"), f" {{next.{k}.beta:+2}} ± {{next.{k}.half:2}}", "")
    return either(Known(f"next.{k}.date"), say("; " if k > 1 else "", kind, f" {{next.{k}.date:day}}", meant), "")


def _facts(options: inputs.PitchOptions) -> tuple[Say, Say]:
    change = either(Known("ratio.change"), "{ratio.change:+1}% since {previous:date}", "change unknown")
    ratio = say("Russell/S&P 500 ", "{ratio:3}, " if options.internal else "", change)
    level = say(either(Known("russell.level"), "Russell 2000 {russell.level:,1}; ", ""), ratio)
    pe = either(Known("pe"), say("; P/E {pe:1}", either(Known("pe.z"), " ({pe.z:+1} sd)", "")), "")
    one = say(level if options.internal else ratio, pe)
    news = say("Next (2-year yield 10 bp lower has meant, %): ", *(_event(k) for k in range(1, NEXT + 1)), ".")
    return one, either(
        Known("next.1.date"), news, "No dates of news ahead: refresh with a FRED key, or add events.csv."
    )


def _levels() -> list[Say]:
    said = []
    for factor, label in (("inflation", "5-year breakeven"), ("easing", "2-year yield")):
        # below and above turn with easing's sign: more easing is a lower yield
        below, above = ("below", "above") if factor == "inflation" else ("above", "below")
        side = either(Is(f"even.{factor}.call_fails", "=", "below"), above, below)
        stem = f"even.{factor}"
        bounded = say(
            f"{label} {{{stem}.now:2}}%: even odds at {{{stem}.tipping.level:2}}% ",
            f"({{{stem}.lower.level:2}} to {{{stem}.upper.level:2}}), better ",
            side,
        )
        open_ = either(
            Known(f"even.{factor}.tipping"),
            f"{label} {{even.{factor}.now:2}}%: no level (beta uncertain)",
            f"{label} {{even.{factor}.now:2}}%: no level on this path",
        )
        said.append(either(All((Known(f"even.{factor}.lower"), Known(f"even.{factor}.upper"))), bounded, open_))
    bounded = say(
        "Growth: even odds if cyclicals move {even.growth.tipping:+1}% ",
        "({even.growth.lower:+1} to {even.growth.upper:+1})",
    )
    test = All((Known("even.growth.lower"), Known("even.growth.upper")))
    open_ = either(Known("even.growth.tipping"), "Growth: no level (beta uncertain)", "Growth: no level on this path")
    return [*said, either(test, bounded, open_)]


def _states() -> list[Say]:
    """How far today's factors are from their own year: what a page without projections has in place of levels."""
    names = {
        "inflation": "5-year breakeven",
        "easing": "2-year yield, sign turned",
        "growth": "Cyclicals less defensives",
    }
    return [either(Known(f"{f}.z"), f"{label}: {{{f}.z:+1}} sd", f"{label}: not known") for f, label in names.items()]


def _triggers(projecting: bool) -> list[Say]:
    weekly = "(now {inflation.weeks.lower:+2} to {inflation.weeks.upper:+2})"
    holds = Is("inflation.weeks.upper", "<", 0.0)
    inflation = either(
        Known("inflation.weeks.lower"),
        either(holds, f"Weekly inflation beta reaching zero {weekly}",
               f"Weekly inflation beta wholly below zero {weekly}"),
        "A weekly inflation beta that can be fitted",
    )  # fmt: skip
    copper = either(
        Known("metals.lower"),
        either(Is("metals.lower", ">", 0.0),
               "Copper and gold no longer agreeing on growth (now {metals.lower:+2} to {metals.upper:+2})",
               "Copper and gold agreeing on growth (now {metals.lower:+2} to {metals.upper:+2})"),
        either(Known("growth.weeks.lower"),
               "Weekly growth beta wholly above zero (now {growth.weeks.lower:+2} to {growth.weeks.upper:+2})",
               "A growth beta that can be fitted"),
    )  # fmt: skip
    funds = first_of(
        [
            (Is("leveraged", ">", 33.3), "Leveraged funds below their 33rd percentile (now {leveraged:0})"),
            (Known("leveraged"), "Leveraged funds above their 33rd percentile (now {leveraged:0})"),
        ],
        "Positions of leveraged funds, once there are any",
    )
    if not projecting:
        return [inflation, copper, funds]
    now = "(now {claim.goldilocks.lower:%} to {claim.goldilocks.upper:%})"
    regimes = first_of(
        [
            (Is("claim.goldilocks.lower", ">", 0.5), f"A regime model falling below one half on goldilocks {now}"),
            (Is("claim.goldilocks.upper", "<", 0.5), f"A regime model rising above one half on goldilocks {now}"),
            (Known("claim.goldilocks.lower"), f"All regime models agreeing on goldilocks {now}"),
        ],
        funds,
    )
    return [inflation, copper, regimes]


def write(results: Results, options: inputs.PitchOptions) -> None:
    """Write every sentence of the page as a named result."""
    projecting, names = options.projecting, claims_of(options.projecting)
    results.section("Sentences")
    for name in names:
        results.add(f"say.{name}", phrase(name), says="what the title can say of it")
    for factor in MACRO:
        results.add(
            f"holds.{factor}", _holds(factor), says="its claim is supported, or its weekly beta clear in its sign"
        )
    results.add("title", title(projecting))
    known = either(Known("growth.known"), ", regime data to {growth.known:month}", "") if projecting else say("")
    results.add("subtitle", say("Russell 2000 against S&P 500, as of {day:date}", known))
    results.add("evidence", _evidence())
    results.add("objection", _objection(projecting))
    results.add("third", _odds() if projecting else _drivers())
    for name, said in zip(("facts", "news"), _facts(options), strict=True):
        results.add(name, said)
    for i, said in enumerate(_levels() if projecting else _states(), 1):
        results.add(f"level.{i}", said)
    for i, said in enumerate(_triggers(projecting), 1):
        results.add(f"trigger.{i}", said)
    results.add("year", either(Known("why.total"), "Small less large since {from:date}: {why.total:+1}%",
                               "Small less large since {from:date}, %"))  # fmt: skip
    if projecting:
        results.add(
            "paths",
            either(Known("months"), "Paths over {months:0} months, small less large", "Paths, small less large"),
        )
        if options.internal:
            sized = "{rty:,0} RTY against {es:,0} ES"
            results.add("futures", either(Known("rty"), say("For ${risk:,0} a month (one sd): ", sized), ""))
    _not_shown(results, names)


def _not_shown(results: Results, names: list[str]) -> None:
    """How many claims were tested, and on one line which were not and which find no room."""
    untested = {n: Is(f"claim.{n}.claim_verdict", "=", "not tested") for n in names}
    results.add("missing", Say(tuple(Either(t, say(f", {SHORT_NAMES[n]}"), say("")) for n, t in untested.items())))
    beyond = (
        Either(untested[n], say(""), either(Is(f"claim.{n}.place", ">", float(MOST_CLAIMS)), f", {SHORT_NAMES[n]}"))
        for n in names
    )
    results.add("beyond", Say(tuple(beyond)))
    parts = [
        f'IF({cell}="","","{said}"&RIGHT({cell},LEN({cell})-2)&". ")'
        for cell, said in ((results["missing"], "Untested, too few data: "), (results["beyond"], "Undecided: "))
    ]
    results.add("not_shown", "&".join(parts))
    tested = "+".join(f'IF({results[f"claim.{n}.claim_verdict"]}="not tested",0,1)' for n in names)
    results.add("tested", tested, "0")
    results.add("scorecard", say(f"Scorecard: {{tested:0}} of {len(names)} tested"))


def _short(publishers: str) -> str:
    """Publishers in one line: those that share their first two words once, and as many as have room."""
    names = dict.fromkeys(
        " ".join(p.split()[:2]) if p.startswith("Federal Reserve") else p for p in publishers.split("; ")
    )
    shown = list[str]()
    for name in names:
        if len(", ".join([*shown, name])) > PUBLISHERS_LENGTH:
            break
        shown.append(name)
    return ", ".join(shown) + (" and others" if len(shown) < len(names) else "")


def sources(results: Results, options: inputs.PitchOptions) -> list[str]:
    """Return the lines of the foot: formulas and texts."""
    publishers = _short(publishers_behind(current_session()))
    first = say(
        either(Is("synthetic", ">", 0.0), "Data: synthetic. ", f"Data: {publishers}. "),
        f"Snapshot {{snapshot}}, xl_smallcap {__version__}. Log returns.",
    )
    hypothetical = (
        "Odds use betas pulled towards all weeks; levels assumed. Hypothetical, before costs. "
        if options.projecting else "Model figures hypothetical, before costs. "
    )  # fmt: skip
    second = hypothetical + "Not affiliated with FTSE Russell or S&P. Information, not investment advice."
    own = own_line(options)
    return [f"={first.formula(results)}", second, *([own] if own else [])]


def own_line(options: inputs.PitchOptions) -> str:
    """Return the house's own words for the foot."""
    approved = f"Approved by {options.approver.rstrip('.')}." if options.approver else ""
    return " ".join(x for x in (options.disclaimer, approved) if x)


def tag(options: inputs.PitchOptions) -> str:
    """Return the formula of the small tag: for whom, and whether the data are made up."""
    own = f"{INTERNAL}, " if options.internal else ""
    return f'=IF(LEFT(RUSSELL_SNAPSHOT(),6)="SAMPLE",{literal(own + "SAMPLE")},{literal(own.rstrip(", "))})'
