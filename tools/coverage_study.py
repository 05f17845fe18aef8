"""How often do the 90 % intervals of `ols` hold the true beta: plain Newey-West, and scores weighted by leverage?

``python -m tools.coverage_study`` prints the table of docs/methods.md, in two minutes. Five factors with a correlation
of .3 between any two, betas of .3. Errors of one size; factors and errors alike times exp(h/2), h an AR(1) with
coefficient .97 and standard deviation 1, as in markets; factors with Student's t of 4; errors AR(0.3).
"""

from __future__ import annotations

import numpy as np

from xl_smallcap.models import regimes as hidden
from xl_smallcap.models.factor_fit import fit_factors
from xl_smallcap.models.inference import student_quantile
from xl_smallcap.models.kernels.hidden_markov import StateModel, filtered, log_emission
from xl_smallcap.types import FloatArray

DRAWS, FACTORS, BETA, CORRELATION = 2_000, 5, 0.3, 0.3
NAMES = tuple("abcde")
PERSISTENCE, SPREAD = 0.97, 1.0
DESIGNS = ("errors of one size", "volatility in stretches", "factors with fat tails", "errors AR(0.3)")


def _log_variance(rng: np.random.Generator, n: int) -> FloatArray:
    h = np.empty(n)
    h[0] = SPREAD * rng.standard_normal()
    for t in range(1, n):
        h[t] = PERSISTENCE * h[t - 1] + SPREAD * np.sqrt(1.0 - PERSISTENCE**2) * rng.standard_normal()
    return h


def _covered(rng: np.random.Generator, n: int, design: str) -> FloatArray:
    """Which of one draw's five intervals hold the truth, by plain and by weighted errors: (2, 5)."""
    common = rng.standard_normal((n, 1))
    factors = np.sqrt(CORRELATION) * common + np.sqrt(1.0 - CORRELATION) * rng.standard_normal((n, FACTORS))
    size = np.exp(_log_variance(rng, n) / 2.0) if design == DESIGNS[1] else np.ones(n)
    if design == DESIGNS[2]:
        factors *= np.sqrt(4.0 / rng.chisquare(4, (n, 1)))
    factors *= size[:, None]
    noise = size * rng.standard_normal(n)
    if design == DESIGNS[3]:
        for t in range(1, n):
            noise[t] += 0.3 * noise[t - 1]
    fitted = fit_factors(factors.sum(axis=1) * BETA + noise, factors, NAMES)
    away = np.abs(fitted.params - BETA * fitted.factor_sd) / student_quantile(0.90, fitted.df_resid)
    return np.stack([away <= fitted.bse_nw, away <= fitted.bse]).astype(np.float64)


def regime_interval(within: float, series: int = 120, months: int = 540) -> float:
    """How often the 90 % interval of a chain's state holds what the true parameters say, two states, so correlated."""
    rng = np.random.default_rng(5)
    transition = np.array([[0.98, 0.02], [0.03, 0.97]])[..., None]
    mean, variance = np.array([2.0, 4.5])[:, None, None], np.array([0.8, 1.5])[:, None, None, None] ** 2
    truth = StateModel(np.full((2, 1), 0.5), transition, mean, variance)
    held = []
    for _ in range(series):
        state, away, x = 0, 0.0, np.empty(months)
        for t in range(months):
            state = state if rng.random() < transition[state, state, 0] else 1 - state
            away = within * away + np.sqrt(1.0 - within**2) * rng.standard_normal()
            x[t] = mean[state, 0, 0] + np.sqrt(variance[state, 0, 0, 0]) * away
        lengths = np.array([months])
        fitted = hidden.fit(x[:, None, None], lengths, 2, 8, 1)
        if fitted.usable[0]:
            drawn = hidden.bootstrap(x[:, None], months, fitted.parameters, 100, 3)
            wide = np.repeat(x[:, None, None], 100, axis=-1)
            low, high = np.quantile(hidden.last_filtered(wide, np.full(100, months), drawn)[1], [0.05, 0.95])
            told = filtered(log_emission(x[:, None, None], truth), truth)[0][-1, 1, 0]
            held.append(low - 1e-9 <= told <= high + 1e-9)
    return float(np.mean(held))


def main() -> None:
    """Print both shares, design by design; then the interval of a chain's state."""
    print("| n | design | plain | weighted |\n|---|---|---|---|")
    for n in (60, 104, 250):
        for design in DESIGNS:
            rng = np.random.default_rng(20261130)
            held = np.array([_covered(rng, n, design) for _ in range(DRAWS)]).mean(axis=(0, 2))
            print(f"| {n} | {design} | {100 * held[0]:.1f} | {100 * held[1]:.1f} |", flush=True)
    for within in (0.0, 0.8):
        print(f"interval of a chain's state, months within a state correlated {within}: {regime_interval(within):.2f}")


if __name__ == "__main__":
    main()
