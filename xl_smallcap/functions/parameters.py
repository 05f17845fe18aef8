"""The one table of arguments: name, help, what may be typed, how it is read. A function varies a word by ``but``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from xl_smallcap.analyses.question import MARKET, Question
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.functions import arguments as read
from xl_smallcap.functions.table import Parameter
from xl_smallcap.session import Session
from xl_smallcap.types import BetaModel, BetaUnit, FairValueModel, RegimeModel, ScenarioMethod

Reader = Callable[[Session, Any], Any]


def target_reader(default: str | None = None) -> Reader:
    """Return how a target is read: a word of the catalogue, or a stored daily price."""

    def reader(session: Session, value: Any) -> Any:
        catalogue = session.catalogue
        text = read.word("target", value, default or catalogue.default_target)
        snapshot = session.snapshot
        return catalogue.target(snapshot.target_word(text), snapshot.target_frequencies)

    return reader


def spec_reader(default: str | None = None) -> Reader:
    """Return how a specification is read."""

    def reader(session: Session, value: Any) -> Any:
        catalogue = session.catalogue
        return catalogue.spec(read.word("spec", value, default or catalogue.default_spec))

    return reader


def choice_reader(name: str, choices: Any, default: str) -> Reader:
    """Return how one of a closed list of words is read."""
    return lambda _, value: read.choice(name, value, choices, default)


def day_reader(name: str) -> Reader:
    """Return how a date is read; blank is None."""
    return lambda _, value: read.day(name, value)


def statistic(choices: Any, default: str, help: str) -> Parameter:
    """Return the argument that says which statistic is wanted; "all" asks for the table of them."""
    words = tuple(str(c).lower() for c in get_args(choices))
    return Parameter("stat", help, lambda _, value: read.stat(value, choices, default), words=(*words, "all"))


def _word_reader(name: str) -> Reader:
    return lambda _, value: read.word(name, value)


FACTOR = Parameter(
    "factor",
    '"growth", "inflation", "easing" (or "cuts"), "dollar", "oil"; more with other specs. See RUSSELL_FACTORS.',
    _word_reader("factor"),
    optional=False,
)
TARGET = Parameter(
    "target",
    '"russell" (default), "sp500", "relative", "hedged", or a stored daily price such as "IWM" or "stock:AAPL".',
    target_reader(),
)
RELATIVE = TARGET.but(
    help='"relative" (default here), "russell", "sp500", "hedged", or a stored daily price such as "IWM".',
    read=target_reader("relative"),
)
AGAINST_THE_MARKET = TARGET.but(
    help='"relative" (default here), "russell", "hedged", or a stored daily price; always against the S&P 500.',
    read=target_reader("relative"),
)
WINDOW = Parameter(
    "window",
    '250 (days, default), or text: "104w" weeks, "60m" months.',
    lambda _, value: read.window(value),
    kind="number or str",
)
AS_OF = Parameter(
    "as_of",
    "Nothing later is used: an Excel date or text such as 2025-12-24. Default: the newest data.",
    day_reader("as_of"),
    kind="date",
    is_date=True,
)
PUBLISHED = AS_OF.but(
    help="Only what was published by then: an Excel date or text such as 2025-12-24. Default: the newest data."
)
START = Parameter(
    "start", "The first date shown: an Excel date or text.", day_reader("start"), kind="date", is_date=True
)
METHOD = Parameter(
    "method",
    '"ols" (default, joint), "univariate", "pcr" (principal components, 90 % of variance), "pls" (partial least squares, '
    '2 components), or a number: "pls:3".',
    lambda _, value: read.method(value),
)
SPEC = Parameter(
    "spec", '"macro" (default), "macro_market", "full", or one factor swapped: "macro:growth_metals".', spec_reader()
)
UNIT = Parameter(
    "unit",
    '"sd" (default), "10bp" for rates, "1pct" for prices, "1pt" for levels, or "native" for whichever fits.',
    choice_reader("unit", BetaUnit, "sd"),
)
MONTHS = Parameter(
    "horizon",
    "Months, 1 to 12. Default: the length of the path; of a range 3.",
    lambda _, value: read.months(value),
    kind="number",
)
MONTHS_AHEAD = Parameter(
    "horizon",
    "Months ahead, up to 120. Default: 0, the month itself.",
    lambda _, value: read.months_ahead(value),
    kind="number",
)
OBSERVATIONS = Parameter(
    "horizon",
    'Observations the gap of "changes" is summed over, and how far ahead "levels" is tested. Default: a month, 21 days.',
    lambda _, value: read.count("horizon", value, None),
    kind="number",
)
FAIR_VALUE_MODEL = Parameter(
    "model",
    '"changes" (default): what yesterday\'s betas left unexplained over the last observations. "levels": levels on '
    "factor levels in the window.",
    choice_reader("model", FairValueModel, "changes"),
)
BETA_MODEL = Parameter(
    "model",
    '"changes" (default): returns on changes of factors. "levels": the price on factor levels in the window, without '
    "standard errors; random walks stand in their place.",
    choice_reader("model", BetaModel, "changes"),
)
REGIME_MODEL = Parameter(
    "model",
    '"pool" (default), the mean of its members "chains", "chains_pce", "bands", "bands_pce" (thresholds); or "hmm", '
    '"jump", "markov_switching" (challengers), "market" (growth and inflation factors).',
    choice_reader("model", RegimeModel, "pool"),
)
PROJECTION_METHOD = Parameter(
    "method",
    '"analytic" (default), "simulation", "bootstrap" (tails of history), "pooling" (history reweighted) or "regimes" '
    "(mixture over the regime forecast).",
    choice_reader("method", ScenarioMethod, "analytic"),
)
PATH = Parameter(
    "scenario",
    'A path such as "goldman" or "jpmorgan", one of your file, or a range of factor, shock, unit (and month). '
    "RUSSELL_SCENARIOS lists the paths.",
    lambda _, value: value,
    kind="str or range",
    optional=False,
    is_shocks=True,
)
SERIES = Parameter("series", 'A stored series such as "DGS2".', _word_reader("series"), optional=False)


# -- From a function's arguments to the regression they ask for.


def question_of(session: Session, target: Any, window: Any, as_of: Any, method: Any, spec: Any) -> Question:
    """Read what a command of the factor model was asked."""
    return Question(
        target=TARGET.read(session, target),
        spec=SPEC.read(session, spec),
        window=WINDOW.read(session, window),
        as_of=AS_OF.read(session, as_of),
        method=METHOD.read(session, method),
    )


def factor_in(session: Session, question: Question, factor: Any) -> str:
    """Return the column a factor word means, or say which specification has it. A factor's id, or "market"."""
    text = read.word("factor", factor)
    if text.lower() == MARKET:
        if question.market:
            return MARKET
        raise BadArgumentError(
            f"'market' is not a regressor of target '{question.target.id}' with specification '{question.spec.id}'. "
            "Use target 'hedged' or specification 'macro_market'."
        )
    entry = session.catalogue.factor(text)
    if entry.id in question.spec.factors:
        return entry.id
    others = session.catalogue.specs_with(entry.id)
    use = f"Use specification '{others[0]}'." if others else "No specification has it; add one to your catalogue."
    raise BadArgumentError(f"Factor '{entry.id}' is not in specification '{question.spec.id}'. {use}")
