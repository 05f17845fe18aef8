"""What a fitted regime model says beside its probabilities: how long regimes last, what follows, what to be wary of."""

from __future__ import annotations

import numpy as np

from xl_smallcap.analyses.regimes import REGIMES, Regimes
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.types import FloatArray

WELL_SEPARATED, FEW_STARTS = 1.0, 0.2
CELL_NAMES = ("goldilocks", "reflation", "slowdown, low inflation", "stagflation")


def durations(found: Regimes) -> dict[str, float]:
    """Return how many months each regime lasts on average, by the transitions of the first window.

    Empty for model bands, which has no states.
    """
    if found.model == "bands":
        return {}
    if found.model == "hmm":
        (chain,) = found.chains
        stay = np.diagonal(chain.model.transition[..., 0])
        high = int(chain.model.mean[1:, 1, 0].argmax())
        kept = {"goldilocks": stay[2 - high], "reflation": stay[1 + high], "slowdown": stay[0]}
    else:
        g, p = (np.diagonal(c.model.transition[..., 0]) for c in found.chains)
        kept = {"goldilocks": g[1] * p[0], "reflation": g[1] * p[1], "slowdown": g[0], "stagflation": g[0] * p[1]}
    return {name: float(1.0 / max(1.0 - s, 1e-12)) for name, s in kept.items()}


def transitions(found: Regimes) -> tuple[tuple[str, ...], FloatArray, FloatArray]:
    """Return the monthly transition matrix between regimes, and their long-run shares. matrix: from row to column."""
    if found.model == "bands":
        raise BadArgumentError(
            "Model 'bands' has thresholds and no states, so no transitions; use 'chains', 'hmm' or 'market'."
        )
    if found.model == "hmm":
        (chain,) = found.chains
        high = int(chain.model.mean[1:, 1, 0].argmax())
        order = np.array([2 - high, 1 + high, 0])
        matrix = chain.model.transition[..., 0][np.ix_(order, order)]
        names: tuple[str, ...] = REGIMES
    else:
        g, p = (c.model.transition[..., 0] for c in found.chains)
        cells = [(1, 0), (1, 1), (0, 0), (0, 1)]
        matrix = np.array([[g[a, c] * p[b, d] for c, d in cells] for a, b in cells])
        names = CELL_NAMES
    shares = np.linalg.matrix_power(matrix, 4096)[0]
    return names, matrix, shares


def warnings_of(found: Regimes) -> str:
    """Say what makes one window's regimes doubtful. Empty where nothing does."""
    said = []
    names = ("growth (by which they are named)",) if found.model == "hmm" else ("growth", "inflation")
    for name, chain in zip(names, found.chains, strict=False):
        if chain.separation[0] < WELL_SEPARATED:
            said.append(f"the states of {name} hardly differ ({chain.separation[0]:.1f} sd apart)")
        if chain.reached[0] < FEW_STARTS:
            said.append(f"only {chain.reached[0]:.0%} of the starts of {name} reached the best fit")
    for name, last in (("growth", found.last_growth[0]), ("inflation", found.last_inflation[0])):
        late = int((found.months[0] - last).astype(np.int64))
        if late > 1:
            said.append(f"{name} is carried forward {late} months from {last}")
    return "; ".join(said)
