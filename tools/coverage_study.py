"""How often do the 90 % intervals of `ols` hold the true beta, also where volatility comes in stretches?

``python -m tools.coverage_study`` prints the lines of docs/methods.md, in a minute. Five factors with a correlation of
.3 between any two, 250 observations, betas of .3. Errors of one size, or factors and errors alike times exp(h/2), h an
AR(1) with coefficient .97 and standard deviation 1: stretches in which everything moves more, as in markets.
"""

from __future__ import annotations

import numpy as np

from xl_smallcap.models.factor_fit import fit_factors
from xl_smallcap.types import FloatArray

DRAWS, OBS, FACTORS, BETA, CORRELATION = 2_000, 250, 5, 0.3, 0.3
NAMES = tuple("abcde")


PERSISTENCE, SPREAD = 0.97, 1.0


def _log_variance(rng: np.random.Generator) -> FloatArray:
    h = np.empty(OBS)
    h[0] = SPREAD * rng.standard_normal()
    for t in range(1, OBS):
        h[t] = PERSISTENCE * h[t - 1] + SPREAD * np.sqrt(1.0 - PERSISTENCE**2) * rng.standard_normal()
    return h


def _covered(rng: np.random.Generator, swelling: bool) -> FloatArray:
    """Which of one draw's five intervals hold the truth: betas per +1 of each factor's sd in the sample."""
    common = rng.standard_normal((OBS, 1))
    factors = np.sqrt(CORRELATION) * common + np.sqrt(1.0 - CORRELATION) * rng.standard_normal((OBS, FACTORS))
    size = np.exp(_log_variance(rng) / 2.0) if swelling else np.ones(OBS)
    factors *= size[:, None]
    y = factors.sum(axis=1) * BETA + size * rng.standard_normal(OBS)
    fitted = fit_factors(y, factors, NAMES)
    truth = BETA * fitted.factor_sd
    return np.asarray((fitted.lower <= truth) & (truth <= fitted.upper), dtype=np.float64)


def main() -> None:
    """Print both shares."""
    for said, swelling in (("errors of one size", False), ("volatility in stretches", True)):
        rng = np.random.default_rng(20261130)
        held = np.array([_covered(rng, swelling) for _ in range(DRAWS)])
        print(f"{said}: {100.0 * held.mean():.1f} % ({DRAWS} draws of {FACTORS} intervals)")


if __name__ == "__main__":
    main()
