import gzip
from importlib import resources

import numpy as np
import pytest

from tools.make_sample import FACTORS, Sample, build, files, true_betas
from xl_smallcap.analyses import betas as model
from xl_smallcap.analyses.question import Question, aligned
from xl_smallcap.functions import RUSSELL_BETAS, RUSSELL_SNAPSHOT, RUSSELL_SOURCE
from xl_smallcap.session import Session
from xl_smallcap.types import Window


@pytest.fixture(scope="module")
def sample() -> Sample:
    return build()


def test_the_committed_files_are_what_the_script_makes(sample: Sample) -> None:
    folder = resources.files("xl_smallcap.data.sample")
    total = 0
    for name, content in files(sample).items():
        packed = folder.joinpath(f"{name}.gz").read_bytes()
        total += len(packed)
        assert gzip.decompress(packed) == content, f"run python -m tools.make_sample ({name})"
    assert total < 1_500_000


def test_it_looks_like_markets(sample: Sample) -> None:
    russell = np.diff(100 * np.log(sample.daily["RUT"]))
    market = np.diff(100 * np.log(sample.daily["GSPC"]))
    assert 15 < russell.std() * 252**0.5 < 32
    assert 12 < market.std() * 252**0.5 < 25
    assert 0.75 < np.corrcoef(russell, market)[0, 1] < 0.95
    for moves in (russell, market):
        z = (moves - moves.mean()) / moves.std()
        assert (z**4).mean() > 5, "fat tails"
        assert np.corrcoef(np.abs(z[1:]), np.abs(z[:-1]))[0, 1] > 0.1, "volatility clusters"
    assert set(np.unique(sample.regime)) == {0, 1, 2}
    assert np.isnan(sample.daily["DGS2"]).sum() >= 30, "the bond market has its own holidays"


@pytest.mark.parametrize("target", ["russell", "sp500", "relative"])
def test_rolling_betas_find_the_true_moving_ones(session: Session, target: str) -> None:
    """The mean true beta of a window lies inside the 90 % interval about as often as it should."""
    catalogue = session.catalogue
    question = Question(catalogue.targets[target], catalogue.specs["macro"], Window(250, "daily"), None)
    history = model.history(session, question)
    panel = aligned(session, question)
    russell, sp500 = true_betas(panel.dates)
    truth = {"russell": russell, "sp500": sp500, "relative": russell - sp500}[target]
    means = np.lib.stride_tricks.sliding_window_view(truth, 250, axis=0).mean(axis=-1)
    native, se = history.params / history.factor_sd, history.bse / history.factor_sd
    inside = np.abs(native - means) <= history.half_width[:, None] * se
    assert history.names == FACTORS
    # 19 independent windows x 5 factors: 90 % give or take four standard errors of a share of 95 draws
    assert 0.78 < inside.mean() <= 1.0
    error = np.abs(native - means)[::250] / se[::250]
    # A window's OLS weights volatile days more than the plain mean of the true beta does, so the tail is a little fat.
    assert np.quantile(error, 0.95) < 3
    assert np.corrcoef(native[:, 0], means[:, 0])[0, 1] > 0.5, "and moves with it"


def test_whatever_comes_from_it_says_so(session: Session) -> None:
    assert RUSSELL_SNAPSHOT().startswith("SAMPLE (synthetic) ")
    table = RUSSELL_BETAS()
    assert {row[table[0].index("source")] for row in table[1:]} == {"SAMPLE (synthetic)"}
    assert RUSSELL_SOURCE("RUT")[1][2] == "SAMPLE (synthetic)"
