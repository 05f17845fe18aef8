from pathlib import Path

import pytest

from xl_smallcap.data.catalogue import Catalogue, load_catalogue
from xl_smallcap.errors import BadArgumentError, CatalogueError


def test_what_methods_promises_is_there(catalogue: Catalogue) -> None:
    assert set(catalogue.targets) == {"russell", "sp500", "relative", "hedged"}
    assert catalogue.spec("macro").factors == ("growth", "inflation", "easing", "dollar", "oil")
    assert len(catalogue.spec("full").factors) == 8
    assert catalogue.spec("macro_market").market
    assert catalogue.factor("cuts").id == "easing"
    assert catalogue.factor(" Inflation ").id == "inflation"
    assert catalogue.factor("easing").legs == (("DGS2", -1.0),)


def test_every_leg_and_fallback_is_a_series_of_the_catalogue(catalogue: Catalogue) -> None:
    for factor in catalogue.factors.values():
        assert all(s in catalogue.series for s, _ in factor.legs), factor.id
    assert all(e.lag_days > 0 or e.id == "MORTGAGE30US" for e in catalogue.series.values() if e.frequency != "daily")


def test_swapping_one_construction(catalogue: Catalogue) -> None:
    spec = catalogue.spec("macro:growth_metals")
    assert spec.factors == ("growth_metals", "inflation", "easing", "dollar", "oil")
    assert catalogue.specs_with("growth_metals")[0] == "macro:growth_metals"
    with pytest.raises(BadArgumentError, match="not an alternative"):
        catalogue.spec("macro:oil")
    with pytest.raises(BadArgumentError, match="Did you mean 'macro_market'"):
        catalogue.spec("macro_markt")


def test_a_users_file_overlays_ours(tmp_path: Path) -> None:
    own = tmp_path / "catalogue.toml"
    own.write_text('[factors.inflation]\nlegs = { T10YIE = 1 }\n[specs.mine]\nlabel="m"\nfactors=["inflation"]\n')
    merged = load_catalogue(own)
    assert merged.factor("inflation").legs == (("T10YIE", 1.0),)
    assert merged.factor("inflation").quote == "bp"
    assert merged.spec("mine").factors == ("inflation",)
    assert merged.fingerprint != load_catalogue().fingerprint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[factors.x]\nup = 1", "factors.x"),
        ("[factors.inflation]\nlegz = { A = 1 }", "Did you mean 'legs'"),
        ("[factors.inflation]\nlegs = { RUT = 1 }", "quote 'bp' needs legs"),
        ("[factor.inflation]\nlegs = { RUT = 1 }", "Did you mean 'factors'"),
        ('[specs.mine]\nlabel="m"\nfactors=["inflaton"]', "Did you mean 'inflation'"),
        ("[factors.inflation]\nreference_sd = 0", "above zero"),
        ("[factors", "not valid TOML"),
        ('[factors.inflation]\nreference_sd = "high"', "reference_sd must be a number; got 'high'"),
        ("[series]\nFOO = 3", "line 2: [series] FOO must be a table of keys"),
        ('[factors.inflation]\nlegs = { X = "x" }', "must be a table of numbers"),
        ('[series.CPIAUCSL]\ntime = "noon"', "a time such as 08:30"),
        ('[series.RUT]\nfrequency = "dayly"', "Did you mean 'daily'"),
        ('[specs.macro]\nfactors = "growth"', "must be a list of words"),
        ('market = "GSPX"', "Did you mean 'GSPC'"),
        ("[targets.rate]\nlabel='r'\nlegs = { DGS2 = 1 }", "a target is made of prices"),
    ],
)
def test_a_mistake_in_it_is_named(tmp_path: Path, text: str, expected: str) -> None:
    own = tmp_path / "catalogue.toml"
    own.write_text(text)
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(own)
    assert str(own) in str(caught.value)
    assert expected in str(caught.value)
