"""``xl-smallcap regime history``: what it prints, and that the cells answer afterwards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xl_smallcap import cli
from xl_smallcap.analyses.refreshing import precompute
from xl_smallcap.analyses.regimes import record as history_of
from xl_smallcap.analyses.regimes.now import MEMBERS, regimes_of
from xl_smallcap.config import load_settings
from xl_smallcap.session import Session, use_session

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def home(sample_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    shutil.copytree(sample_store, tmp_path / "store")
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(tmp_path))
    monkeypatch.setenv("XL_SMALLCAP_REGIME_STARTS", "3")
    use_session(None)
    yield tmp_path
    use_session(None)


def test_what_is_computed_is_found_by_the_cells(home: Path, capsys: Capture) -> None:
    assert cli.main(["call", "RUSSELL_REGIME_HISTORY()"]) == 1
    assert "run 'xl-smallcap regime history'" in capsys.readouterr().err
    assert cli.main(["regime", "history", "--model", "pool"]) == 0
    output = capsys.readouterr()
    assert "Regimes at month ends as they could be told then, model 'pool'" in output.out
    assert "RUSSELL_REGIME_RETURNS" in output.out
    use_session(None)
    for formula in ("RUSSELL_REGIME_HISTORY()", "RUSSELL_REGIME_RETURNS()", "RUSSELL_REGIME_SCORE()"):
        assert cli.main(["call", formula, "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)["table"]) > 9
    assert cli.main(["call", 'RUSSELL_REGIME_HISTORY(,,"bands_pce")']) == 0, "a member is computed with the pool"
    assert cli.main(["call", 'RUSSELL_REGIME_HISTORY(,,"hmm")']) == 1


def test_json_and_as_of(home: Path, capsys: Capture) -> None:
    assert cli.main(["regime", "history", "--model", "bands", "--as-of", "2015-07-15", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)["bands"]
    assert table[0][:4] == ["date", "goldilocks", "reflation", "slowdown"]
    assert table[-1][0] == "2015-06-30", "July has not ended"
    assert cli.main(["regime", "history", "--model", "band"]) == 1
    assert "Did you mean 'bands'" in capsys.readouterr().err


def test_stopped_it_goes_on_where_it_was(home: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "xl_smallcap.analyses.regimes.record.regimes_of"
    good = regimes_of
    done: list[Any] = []

    def stopping(*arguments: Any) -> Any:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(arguments)
        return good(*arguments)

    def counting(*arguments: Any) -> Any:
        computed.append(arguments)
        return good(*arguments)

    monkeypatch.setattr(name, stopping)
    assert cli.main(["regime", "history", "--model", "bands"]) == 1
    assert "what was computed is kept" in capsys.readouterr().err
    computed: list[Any] = []
    monkeypatch.setattr(name, counting)
    use_session(None)
    assert cli.main(["regime", "history", "--model", "bands"]) == 0
    months = len(history_of.month_ends(Session(load_settings(home)), "bands", None))
    assert len(computed) == -(-months // history_of.CHUNK) - 2


def test_a_refresh_computes_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xl_smallcap.analyses.refreshing.PRECOMPUTED", ())
    session = Session(load_settings(home))
    steps: list[str] = []
    assert precompute(session, lambda what, done, total: steps.append(what)) == []
    assert {"regimes by pool", "regimes by market"} <= set(steps)
    for model in ("pool", *MEMBERS, "market"):
        assert history_of.regime_history(session, model, None).days.size > 100
