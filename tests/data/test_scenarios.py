"""The scenario library: what ships, what a user lays over it, and what is said of a slip."""

import datetime as dt
from pathlib import Path

import pytest

from xl_smallcap.config import load_settings
from xl_smallcap.data.scenarios import Scenario, load_scenarios
from xl_smallcap.errors import BadArgumentError, CatalogueError
from xl_smallcap.session import Session

GOOD = """[paths.mine]
label = "Mine"
aliases = ["house"]
dated = 2025-11-03
source = "our desk"
months = 2
[paths.mine.shocks]
growth = { unit = "sd", shock = 1 }
easing = { unit = "bp", by_month = [10, -5] }
"""


def _names_easing(path: Scenario) -> bool:
    return any(s.factor == "easing" and s.unit == "bp" for s in path.shocks)


def test_the_shipped_paths_are_dated_and_cited() -> None:
    library = load_scenarios()
    assert set(library.paths) == {
        "rebound_then_pause", "growth_low_inflation", "growth_with_inflation", "growth_disappoints", "no_change",
        "stagflation", "oil_shock", "dollar_falls",
        *(f"{p}_2sd" for p in library.paths if _names_easing(library.paths[p])),
    }  # fmt: skip
    assert library.find("JPMorgan").id == "rebound_then_pause"
    assert library.find(" goldman ").id == "growth_low_inflation"
    assert library.find("Growth with inflation").id == "growth_with_inflation"
    for path in library.paths.values():
        assert path.dated in (dt.date(2025, 12, 24), dt.date(2026, 12, 1))
        assert path.source
        assert path.shocks
    for path in library.paths.values():
        easing = [s for s in path.shocks if s.factor == "easing" and s.unit == "bp"]
        if easing:
            sibling = library.paths[f"{path.id}_2sd"]
            rest = [s for s in path.shocks if s.factor != "easing"]
            (twin,) = (s for s in sibling.shocks if s.factor == "easing")
            assert [s for s in sibling.shocks if s.factor != "easing"] == rest
            assert (twin.unit, abs(twin.total)) == ("sd", 2.0)
            assert twin.total * easing[0].total >= 0.0
    with pytest.raises(BadArgumentError, match="Did you mean 'goldman'"):
        library.find("goldmann")


def test_a_user_s_file_adds_and_replaces(tmp_path: Path) -> None:
    file = tmp_path / "scenarios.toml"
    file.write_text(GOOD + GOOD.replace("mine", "no_change").replace("house", "flat"), encoding="utf-8")
    library = load_scenarios(file)
    assert len(library.paths) == 1 + len(load_scenarios().paths)
    assert library.find("house").shocks[1].by_month == (10.0, -5.0)
    assert library.find("no_change").label == "Mine"


def test_a_session_follows_the_file(sample_home: Path, tmp_path: Path) -> None:
    session = Session(load_settings(tmp_path))
    assert "mine" not in session.scenarios.paths
    session.follow()
    (tmp_path / "scenarios.toml").write_text(GOOD, encoding="utf-8")
    session._next_check = 0.0
    session.follow()
    assert "mine" in session.scenarios.paths


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("months = 2", "month = 2", r"line 6: \[paths.mine\] Unknown key 'month'. Did you mean 'months'"),
        ("months = 2", "months = 13", r"line 6: .*from 1 to 12, not 13"),
        ("dated = 2025-11-03\n", "", r"line 1: .*lacks dated"),
        ('dated = 2025-11-03', 'dated = "soon"', r"line 4: .*a date such as"),
        ('unit = "sd", shock = 1', 'unit = "sds", shock = 1', r"line 8: .*Unknown unit 'sds'. Did you mean 'sd'"),
        ('unit = "sd", shock = 1', "shock = 1", r"line 8: .*growth has no unit"),
        ('unit = "sd", shock = 1', 'unit = "sd", shok = 1', r"line 8: .*Unknown key 'shok'. Did you mean 'shock'"),
        ('unit = "sd", shock = 1', 'unit = "sd", shock = "1"', r"line 8: .*must be numbers"),
        ('unit = "sd", shock = 1', 'unit = "sd"', r"line 8: .*either shock or by_month"),
        ("[10, -5]", "[10]", r"line 9: .*by_month has 1 numbers, but months = 2"),
        ('aliases = ["house"]', 'aliases = ["goldman"]', r"'goldman' means both path"),
        ("label = ", "label ", r"not valid TOML: .*line 2"),
        ("[paths.mine]", "[path.mine]", r"Unknown table 'path'. Did you mean 'paths'"),
        ("growth = {", "growth = 3 #", r"line 8: .*must look like"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    file = tmp_path / "scenarios.toml"
    file.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(CatalogueError, match=said) as caught:
        load_scenarios(file)
    assert str(file) in str(caught.value)
