"""Every answer that is a picture draws one; every other kind is pandas' own."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from matplotlib import pyplot

from xl_smallcap.errors import BadArgumentError
from xl_smallcap.face import Data
from xl_smallcap.face.plots import DRAWN

ASKED: dict[str, Any] = {
    "RUSSELL_BETAS": lambda d: d.betas("relative"),
    "RUSSELL_BETA_HISTORY": lambda d: d.beta_history("inflation", "relative"),
    "RUSSELL_EVENT_BETAS": lambda d: d.event_betas(),
    "RUSSELL_EVENT_BETA_HISTORY": lambda d: d.event_beta_history(kind="payrolls"),
    "RUSSELL_ATTRIBUTION": lambda d: d.attribution("2025-06-30", None, "relative"),
    "RUSSELL_FAIR_VALUE_HISTORY": lambda d: d.fair_value_history(),
    "RUSSELL_REGIMES": lambda d: d.regimes(3),
    "RUSSELL_REGIME_HISTORY": lambda d: d.regime_history(model="bands"),
    "RUSSELL_FAN": lambda d: d.fan("goldman", "relative"),
    "RUSSELL_SCENARIOS": lambda d: d.scenarios("relative"),
    "RUSSELL_NEEDLE_MAP": lambda d: d.needle_map(),
    "RUSSELL_DISPERSION_HISTORY": lambda d: d.dispersion_history("ratio", "12m"),
    "RUSSELL_POSITIONING_HISTORY": lambda d: d.positioning_history("leveraged"),
}


def test_all_are_asked() -> None:
    assert set(ASKED) == set(DRAWN)


@pytest.mark.parametrize("function", ASKED)
def test_a_picture(data: Data, function: str) -> None:
    axes = ASKED[function](data).plot()
    try:
        drawn = len(axes.lines) + len(axes.collections) + len(axes.patches)
        assert drawn >= 2
        if function != "RUSSELL_NEEDLE_MAP":
            assert axes.get_xlabel() or axes.get_ylabel(), "an axis says what it is"
        assert "SAMPLE (synthetic)" in axes.get_title(loc="left").replace("\n", " ")
        axes.figure.canvas.draw()
    finally:
        pyplot.close(axes.figure)


def test_kinds_are_pandas_own_and_mistakes_are_sentences(data: Data) -> None:
    frame = data.beta_history("oil", start="2025-01-01")
    assert frame.plot.line(y="beta").get_lines()
    assert frame.plot(kind="line", y="beta").get_lines()
    assert data.status()[["nobs"]].plot(kind="bar").patches
    with pytest.raises(BadArgumentError, match="takes ax, figsize and title; got colour"):
        frame.plot(colour="red")
    with pytest.raises(BadArgumentError, match="not one whole answer any more"):
        data.betas(window=[250, "104w"]).plot()
    figure, own = pyplot.subplots()
    assert frame.plot(ax=own, title="mine") is own
    assert own.get_title(loc="left") == "mine"
    pyplot.close("all")
    assert isinstance(pd.DataFrame(frame).plot, pd.plotting.PlotAccessor)
    assert figure
