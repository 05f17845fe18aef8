import pytest

from xl_smallcap.errors import BadArgumentError
from xl_smallcap.functions.formula import Call, Reference, find_calls, parse_call


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ('RUSSELL_BETA("inflation",,"relative")', "RUSSELL_BETA", ("inflation", None, "relative")),
        ('=russell_beta("inflation";;"relative")', "RUSSELL_BETA", ("inflation", None, "relative")),
        ("RUSSELL_ASOF()", "RUSSELL_ASOF", ()),
        ('RUSSELL_BETA("a ""b"", c", 250, TRUE, -1.5e2, 5%)', "RUSSELL_BETA", ('a "b", c', 250.0, True, -150.0, 0.05)),
        (
            'RUSSELL_PROJECTION({"inflation",25,"bp";"growth",1,"sd"})',
            "RUSSELL_PROJECTION",
            ([["inflation", 25.0, "bp"], ["growth", 1.0, "sd"]],),
        ),
    ],
)
def test_calls(text: str, name: str, arguments: tuple[object, ...]) -> None:
    assert parse_call(text) == Call(name, arguments)


def test_calls_inside_other_formulas_with_references() -> None:
    calls = find_calls('=IFERROR(RUSSELL_BETA($A2,"beta",B$1)*2, "RUSSELL_FIT(1)") + RUSSELL_FIT()')
    assert calls == [Call("RUSSELL_BETA", (Reference("$A2"), "beta", Reference("B$1"))), Call("RUSSELL_FIT", ())]
    assert not calls[0].literal
    assert calls[1].literal


@pytest.mark.parametrize("text", ["", "2+2", "SUM(1)", 'RUSSELL_BETA("x"', "RUSSELL_BETA(A1)", "1+RUSSELL_FIT()"])
def test_what_the_command_line_refuses(text: str) -> None:
    with pytest.raises(BadArgumentError):
        parse_call(text)


@pytest.mark.parametrize(
    "text",
    [
        '=@RUSSELL_BETA("inflaton")',
        '=_xll.RUSSELL_BETA("inflaton")',
        '=@_xll.RUSSELL_BETA("inflaton")',
        '=_xldudf_RUSSELL_BETA("inflaton")',
        '=_xldudf_XLSC_RUSSELL_BETA("inflaton")',
        "='C:\\desk\\xl_smallcap.xlsm'!RUSSELL_BETA(\"inflaton\")",
        '=xl_smallcap.xlsm!RUSSELL_BETA("inflaton")',
        '=[1]!RUSSELL_BETA("inflaton")',
    ],
)
def test_what_excel_puts_before_a_function(text: str) -> None:
    wanted = [Call("RUSSELL_BETA", ("inflaton",))]
    assert find_calls(text) == wanted
    assert find_calls(f"=IFERROR({text[1:]},0)") == wanted
    assert "xlsm" in text or "[" in text or parse_call(text) == wanted[0]


@pytest.mark.parametrize(
    "text", ["=MY.RUSSELL_BETA(1)", "=XRUSSELL_BETA(1)", '="RUSSELL_BETA(1)"', "=_RUSSELL_BETA(1)"]
)
def test_what_is_no_function_of_ours(text: str) -> None:
    assert find_calls(text) == []
