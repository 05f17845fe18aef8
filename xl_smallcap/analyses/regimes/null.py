"""How sure two states would be of themselves on data that have one regime only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from xl_smallcap.analyses.regimes.inputs import INFLATION, PCE, macro_inputs
from xl_smallcap.models import regimes as hidden
from xl_smallcap.models.kernels.hidden_markov import filtered, log_emission
from xl_smallcap.session import Session
from xl_smallcap.types import FloatArray, RegimeModel

DRAWS, STARTS, LAGS, BURN = 40, 3, 6, 120
SURE = 0.9


@dataclass(frozen=True)
class Sureness:
    """Share of months in which one of two states is above .9: of the data, and on average of data with one regime."""

    series: str
    n: int
    sure: float
    null_sure: float


def sureness(session: Session, model: RegimeModel, as_of: np.datetime64 | None) -> list[Sureness]:
    """Hold the chains of growth and inflation against data drawn with one regime and the data's own persistence."""
    inputs = macro_inputs(session, as_of, prices=PCE if model.endswith("_pce") else INFLATION)
    seed = session.settings.seed
    out = []
    for k, (name, values) in enumerate((("growth", inputs.growth), ("inflation", inputs.inflation))):
        x = hidden.winsorised(values)
        seen = np.flatnonzero(np.isfinite(x))
        x = x[seen[0] : seen[-1] + 1]

        def compute(x: FloatArray = x, seed: int = seed + k) -> dict[str, FloatArray]:
            drawn = one_regime(x, DRAWS, seed)
            return {"sure": _sure(x[:, None], seed), "null": _sure(drawn, seed)}

        key = ("regimes of none", hashlib.sha256(x.tobytes()).hexdigest(), str(DRAWS), str(seed + k))
        kept = session.get_or_compute(key, compute, dict)
        out.append(Sureness(name, int(np.isfinite(x).sum()), float(kept["sure"][0]), float(np.nanmean(kept["null"]))))
    return out


def one_regime(x: FloatArray, draws: int, seed: int) -> FloatArray:
    """Draw series of a Gaussian autoregression fitted to one, missing where it is, pulled in likewise: (n, draws)."""
    finite = np.isfinite(x)
    lagged = np.lib.stride_tricks.sliding_window_view(x, LAGS + 1)
    rows = lagged[np.isfinite(lagged).all(axis=1)]
    design = np.column_stack([np.ones(len(rows)), rows[:, -2::-1]])
    coefficients, *_ = np.linalg.lstsq(design, rows[:, -1], rcond=None)
    resid = rows[:, -1] - design @ coefficients
    sd = np.sqrt(resid @ resid / (len(rows) - LAGS - 1))
    rng = np.random.default_rng(seed)
    out = np.full((BURN + x.size, draws), np.nanmean(x))
    for t in range(LAGS, out.shape[0]):
        out[t] = coefficients[0] + coefficients[1:] @ out[t - LAGS : t][::-1] + sd * rng.standard_normal(draws)
    out = out[BURN:]
    out[~finite] = np.nan
    return np.column_stack([hidden.winsorised(column) for column in out.T])


def _sure(x: FloatArray, seed: int) -> FloatArray:
    """Share of sure months of each column; NaN where no two states stand apart."""
    n, count = x.shape
    wide = np.ascontiguousarray(x[:, None, :])
    lengths = np.full(count, n)
    best = hidden.fit(wide, lengths, 2, STARTS, seed)
    p, _ = filtered(log_emission(wide, best.parameters), best.parameters)
    share = (p.max(axis=1) > SURE).mean(axis=0)
    return np.asarray(np.where(best.usable, share, np.nan))
