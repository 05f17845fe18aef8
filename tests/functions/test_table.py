import inspect
from collections.abc import Callable
from typing import Any

import pytest

import xl_smallcap
from xl_smallcap import functions
from xl_smallcap.functions import BY_NAME, FUNCTIONS, HELP_LIMIT, NAMES
from xl_smallcap.functions.parameters import AS_OF
from xl_smallcap.functions.table import worksheet_function
from xl_smallcap.session import Session

F: dict[str, Callable[..., Any]] = {f.name: f.call for f in FUNCTIONS}
ORDER = [
    "probability", "across", "down", "factor", "scenario", "shocks", "series", "formula", "category", "index", "count",
    "regime", "before", "after",
    "target", "stat", "weighting", "kind", "days", "start", "window", "horizon", "as_of", "method", "model", "spec",
    "unit",
]  # fmt: skip
PERIODS = {"RUSSELL_ATTRIBUTION": ["start", "finish"], "RUSSELL_REGIME_HISTORY": ["start"]}
"""Where a period is the subject."""
LAST = {
    "RUSSELL_BETA_HISTORY": ["start"],
    "RUSSELL_FAIR_VALUE": ["horizon"],
    "RUSSELL_FAIR_VALUE_HISTORY": ["start", "horizon"],
    "RUSSELL_DISPERSION_HISTORY": ["start"],
    "RUSSELL_NEEDLE": ["growth_min", "inflation_max"],
    "RUSSELL_SCENARIOS": ["weights"],
    "RUSSELL_POSITIONING": ["denominator"],
    "RUSSELL_POSITIONING_HISTORY": ["denominator"],
}
"""What is no word of the order people speak in stands at the end."""


def test_the_table_is_whole_and_public() -> None:
    assert [f.name for f in FUNCTIONS] == list(NAMES) == list(BY_NAME)
    assert len(FUNCTIONS) == len(set(NAMES)) == 48
    assert list(FUNCTIONS[:2]) == [FUNCTIONS[0], FUNCTIONS[1]]
    for f in FUNCTIONS:
        assert getattr(xl_smallcap, f.name) is getattr(functions, f.name) is f.call
        assert f.call.__doc__ is not None
        for section in ("Returns", "Parameters") if f.parameters else ("Returns",):
            assert f"\n{section}\n---" in f.call.__doc__, f.name
        assert all(f"\n{p.name} : " in f.call.__doc__ for p in f.parameters)
    assert set(NAMES) <= set(xl_smallcap.__all__)
    assert len(set(xl_smallcap.__all__)) == len(xl_smallcap.__all__)
    assert all(hasattr(xl_smallcap, name) for name in xl_smallcap.__all__)
    with pytest.raises(AttributeError, match="no attribute 'RUSSELL_NOPE'"):
        _ = xl_smallcap.RUSSELL_NOPE


def test_help_fits_the_wizard_and_arguments_stand_in_the_order_people_speak() -> None:
    for f in FUNCTIONS:
        assert 20 < len(f.help) <= HELP_LIMIT
        names = [p.name for p in f.parameters]
        last = LAST.get(f.name, [])
        assert names[len(names) - len(last) :] == last
        period = PERIODS.get(f.name, [])
        assert names[: len(period)] == period
        rest = names[len(period) : len(names) - len(last)]
        places = [ORDER.index(name) for name in rest]
        assert places == sorted(places), f.name
        assert all(5 < len(p.help) <= HELP_LIMIT for p in f.parameters), f.name
        assert all(not p.name.startswith(("end", "next", "date")) for p in f.parameters)
        kinds = {p.kind for p in inspect.signature(f.call).parameters.values()}
        assert kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD}


def test_a_function_without_help_or_with_other_names_is_refused() -> None:
    def RUSSELL_MUTE() -> float:
        return 1.0

    with pytest.raises(ValueError, match="help of summary has 0"):
        worksheet_function(opens=False)(RUSSELL_MUTE)

    def RUSSELL_ODD(session: Session, window: Any) -> float:
        """Odd."""
        return 1.0

    with pytest.raises(ValueError, match="RUSSELL_ODD does not take as_of"):
        worksheet_function(AS_OF)(RUSSELL_ODD)
    assert "RUSSELL_ODD" not in BY_NAME


def test_each_argument_is_described_once() -> None:
    """An argument of one name has one help, but where a function's words or default differ."""
    helps: dict[str, set[str]] = {}
    for f in FUNCTIONS:
        for p in f.parameters:
            helps.setdefault(p.name, set()).add(p.help)
    assert len(helps["as_of"]) <= 3
    assert len(helps["target"]) <= 3
    assert len(helps["spec"]) <= 2
    assert len(helps["method"]) <= 3


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (("inflation", "tstat", "relative"), '=RUSSELL_BETA("inflation","relative","tstat")'),
        (("inflation", "tstat"), '=RUSSELL_BETA("inflation",,"tstat")'),
        (("inflation", None, "relative"), '=RUSSELL_BETA("inflation","relative")'),
        (("inflation", "all", "IWM", 250.0), '=RUSSELL_BETA("inflation","IWM","all",250)'),
        (("inflation", "SE"), '=RUSSELL_BETA("inflation",,"SE")'),
    ],
)
def test_the_former_order_gets_a_sentence_with_the_new_one(
    session: Session, typed: tuple[Any, ...], shown: str
) -> None:
    with pytest.raises(xl_smallcap.BadArgumentError) as raised:
        F["RUSSELL_BETA"](*typed)
    assert f"the target stands before the stat: {shown}." in str(raised.value)


def test_a_word_of_a_stat_is_never_a_target(session: Session) -> None:
    for f in FUNCTIONS:
        names = [p.name for p in f.parameters]
        if "stat" not in names or "target" not in names:
            continue
        words = f.parameters[names.index("stat")].words
        subject = {"factor": "inflation", "scenario": "goldman", "shocks": [["inflation", 25, "bp"]]}
        given: list[object] = [subject[n] for n in names[: names.index("target")] if n in subject]
        if f.name == "RUSSELL_IMPLIED":
            given = [0.6, *given]
        for word in (*words, words[0].upper()):
            with pytest.raises(xl_smallcap.BadArgumentError, match="is a stat, and the target stands before"):
                f.call(*given, word)
    assert F["RUSSELL_BETA"]("inflation", "stock:SML07") == F["RUSSELL_BETA"]("inflation", " Stock:sml07")
    assert F["RUSSELL_BETA"]("inflation", "stock:SML07") == F["RUSSELL_BETA"]("inflation", "SML07")
    with pytest.raises(xl_smallcap.BadArgumentError, match="Unknown target 'stock:DGS2'"):
        F["RUSSELL_BETA"]("inflation", "stock:DGS2")
    with pytest.raises(xl_smallcap.BadArgumentError, match="contribution:growth' is a stat"):
        F["RUSSELL_SCENARIO"]("goldman", "contribution:growth")


def test_scalars_are_their_table_rows_bit_for_bit(session: Session) -> None:
    for target, window, spec, method in (
        ("russell", None, "macro", None),
        ("hedged", "104w", "full", "pls"),
        ("relative", "60m", "macro_market", "pcr:3"),
        ("sp500", 83, "macro", "univariate"),
    ):
        table = F["RUSSELL_BETAS"](target, window, method=method, spec=spec)
        for row in table[1:]:
            cells = dict(zip(table[0], row, strict=True))
            for stat in (
                "beta",
                "se",
                "tstat",
                "pvalue",
                "pvalue_bh",
                "lower",
                "upper",
                "sign_share",
                "vif",
                "nobs",
                "last_date",
                "first_date",
                "se_conditional",
                "agreement",
                "rsquared",
            ):
                one = F["RUSSELL_BETA"](cells["factor"], target, stat, window, method=method, spec=cells["spec"])
                assert one == cells[stat], (cells["factor"], stat)
    fit = dict(F["RUSSELL_FIT"](stat="all")[1:])
    assert len(fit) == 12
    for stat, value in fit.items():
        if value is not None:
            assert F["RUSSELL_FIT"](stat=stat) == value
    assert {stat for stat, value in fit.items() if value is None} == {"draws", "block", "seed"}
    for model in ("changes", "levels"):
        for stat, value, _ in F["RUSSELL_FAIR_VALUE"]("relative", "all", None, None, model)[1:-1]:
            assert (value is None) == ((stat, model) == ("drift", "levels"))
            if value is not None:
                assert F["RUSSELL_FAIR_VALUE"]("relative", stat, None, None, model) == value
    factors = F["RUSSELL_FACTORS"]()
    for row in factors[1:]:
        cells = dict(zip(factors[0], row, strict=True))
        for stat in ("level", "change", "z", "last_date"):
            assert F["RUSSELL_FACTOR"](cells["factor"], stat) == cells[stat]


@pytest.mark.parametrize("window", ["250", "104w", "60m"])
@pytest.mark.parametrize("unit", ["sd", "native"])
def test_histories_end_at_the_scalar(session: Session, window: str, unit: str) -> None:
    for factor in ("growth", "inflation", "oil"):
        table = F["RUSSELL_BETA_HISTORY"](factor, "relative", window, None, None, None, None, unit)
        last = dict(zip(table[0], table[-1], strict=True))
        for stat in ("beta", "lower", "upper"):
            one = F["RUSSELL_BETA"](factor, "relative", stat, window, None, None, None, None, unit)
            assert last[stat] == pytest.approx(one, rel=1e-10, abs=1e-12)
        past = F["RUSSELL_BETA"](factor, "relative", "beta", window, table[-30][0], None, None, None, unit)
        assert table[-30][1] == pytest.approx(past, rel=1e-10, abs=1e-12)


def test_units(session: Session) -> None:
    per_sd = F["RUSSELL_BETA"]("inflation")
    table = F["RUSSELL_BETAS"]()
    sd = dict(zip(table[0], table[2], strict=True))["factor_sd"]
    assert F["RUSSELL_BETA"]("inflation", unit="10bp") == pytest.approx(per_sd * 10 / sd, rel=1e-14)
    assert F["RUSSELL_BETA"]("inflation", unit="native") == F["RUSSELL_BETA"]("inflation", unit="10bp")
    with pytest.raises(xl_smallcap.BadArgumentError, match="use unit '1pct'"):
        F["RUSSELL_BETA"]("oil", unit="10bp")
    with pytest.raises(xl_smallcap.BadArgumentError, match="use unit 'native'"):
        F["RUSSELL_BETAS"](unit="10bp")


def test_relative_is_russell_minus_sp500_and_hedged_is_the_market_control(session: Session) -> None:
    for factor in ("growth", "inflation", "easing"):
        russell, sp500 = (F["RUSSELL_BETA"](factor, target=t) for t in ("russell", "sp500"))
        assert F["RUSSELL_BETA"](factor, target="relative") == pytest.approx(russell - sp500, abs=1e-12)
        hedged = F["RUSSELL_BETA"](factor, target="hedged")
        for method in ("univariate", "pcr", "pls"):
            one = F["RUSSELL_BETA"](factor, target="hedged", method=method)
            two = F["RUSSELL_BETA"](factor, target="relative", method=method, spec="macro_market")
            assert one == pytest.approx(two, abs=1e-11), "cleaned of the market both are the same"
        assert hedged == F["RUSSELL_BETA"](factor, target="russell", spec="macro_market")
    assert F["RUSSELL_BETA"]("market", target="hedged") > 0.5


def test_factor_states_against_pandas(session: Session) -> None:
    import numpy as np

    from tests.hosts import independent

    frame = independent.levels().loc[:"2024-09-30"]
    for factor, series, sign, log in (("easing", "DGS2", -1, False), ("oil", "DCOILWTICO", 1, True)):
        raw = sign * frame[series].dropna()
        level = 100 * np.log(raw) if log else 100 * raw
        recent = level.iloc[-250:]
        for stat, wanted in (
            ("level", raw.iloc[-1]),
            ("change", level.iloc[-1] - level.iloc[-2]),
            ("z", (recent.iloc[-1] - recent.mean()) / recent.std(ddof=1)),
        ):
            assert F["RUSSELL_FACTOR"](factor, stat, "2024-09-30") == pytest.approx(wanted, rel=1e-9), (factor, stat)


@pytest.mark.parametrize(("window", "days"), [("250", 1), ("104w", 5), ("36m", 21)])
def test_fixed_columns_of_a_history_are_the_native_beta_times_the_yardstick(
    session: Session, window: str, days: int
) -> None:
    yardstick = session.catalogue.factors["inflation"].reference_sd * days**0.5
    own = F["RUSSELL_BETA_HISTORY"]("inflation", "relative", window)
    native = F["RUSSELL_BETA_HISTORY"]("inflation", "relative", window, None, None, None, None, "10bp")
    for a, b in zip(own[1::50], native[1::50], strict=True):
        for plain, fixed in ((1, 4), (2, 5), (3, 6)):
            assert a[fixed] == pytest.approx(b[plain] / 10 * yardstick, rel=1e-12)


def test_out_of_sample_r_squared_against_a_plain_loop(session: Session) -> None:
    import numpy as np

    from xl_smallcap.functions.factors import panel_rows

    _, rows, _ = panel_rows(window=500)
    data = np.array([r[1:] for r in rows], dtype=float)
    y, X = data[:, 0], np.column_stack([np.ones(500), data[:, 1:]])
    miss = base = 0.0
    for t in range(250, 500):
        b = np.linalg.lstsq(X[t - 250 : t], y[t - 250 : t], rcond=None)[0]
        miss += (y[t] - X[t] @ b) ** 2
        base += (y[t] - y[t - 250 : t].mean()) ** 2
    assert F["RUSSELL_FIT"](stat="rsquared_oos") == pytest.approx(1 - miss / base, rel=1e-9)
