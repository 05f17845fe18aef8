"""A chain of hidden states through many windows: where it stands and how it moves, fitted in each of three ways."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from xl_smallcap.models import markov_switching
from xl_smallcap.models import regimes as hidden
from xl_smallcap.models.jump import counted_transitions, fit_jump
from xl_smallcap.models.kernels.hidden_markov import StateModel
from xl_smallcap.session import Session
from xl_smallcap.types import BoolArray, FloatArray, IntArray

JUMP_STATES, SWITCHING_LAGS, SWITCHING_STARTS = 3, 1, 5
JUMP_STARTS = 10
"""Times the starts of a chain: of twenty, one in four months ends in a sequence that is not the best."""


@dataclass(frozen=True)
class Chain:
    """One hidden Markov chain of many windows: where it stands, how it moves, and how much the fit is worth."""

    now: FloatArray
    model: StateModel
    reached: FloatArray
    separation: FloatArray
    usable: BoolArray

    def ahead(self, steps: int) -> FloatArray:
        """Probabilities of the states so many months later."""
        return hidden.ahead(self.now, self.model.transition, steps)

    def below(self, bounds: FloatArray, steps: int) -> FloatArray:
        """Probability that the first series is at most a bound of each window's so many months later."""
        from scipy.special import ndtr

        mean, sd = self.model.mean[:, 0], np.sqrt(self.model.covariance[:, 0, 0])
        return np.asarray((self.ahead(steps) * ndtr((bounds - mean) / sd)).sum(axis=0))


def digest_of(x: FloatArray, lengths: IntArray) -> str:
    """Return a hash of observations and the lengths of their windows."""
    sha = hashlib.sha256(np.ascontiguousarray(x).tobytes())
    sha.update(np.ascontiguousarray(lengths).astype(np.int64).tobytes())
    return sha.hexdigest()


def window_of(values: list[FloatArray]) -> tuple[FloatArray, int]:
    """Return the winsorised inputs of one window, and its length up to the last observation."""
    x = np.stack([hidden.winsorised(v) for v in values], axis=1)
    if len(values) > 1:
        x[~np.isfinite(x).all(axis=1)] = np.nan
    last = int(np.flatnonzero(np.isfinite(x[:, 0]))[-1])
    return x, last + 1


def hidden_chain(session: Session, windows: list[list[FloatArray]], states: int) -> Chain:
    """Fit one chain to many windows, or find it in the cache."""
    x, fitted, whole = _laid(windows)
    settings = session.settings
    key = ("regime chain", digest_of(x, whole), str(states), str(settings.regime_starts), str(settings.seed))

    def compute() -> Chain:
        best = hidden.fit(x, fitted, states, settings.regime_starts, settings.seed)
        now = hidden.last_filtered(x, whole, best.parameters)
        return Chain(now, best.parameters, best.reached, best.separation, best.usable)

    return session.get_or_compute(key, compute, Chain)


@dataclass(frozen=True)
class SwitchingChain(Chain):
    """A chain about whose mean the series goes back and forth (Hamilton 1989): its last value counts as well."""

    told: FloatArray  # probabilities of the states at the last observation
    last: FloatArray  # that observation
    phi: FloatArray  # share of its distance from the mean that is left a month later
    variance: FloatArray  # of a month's surprise
    late: FloatArray  # months from there to the window's end
    revision: FloatArray  # variance by which a known value may still be revised

    def below(self, bounds: FloatArray, steps: int) -> FloatArray:
        """Probability that the series is at most a bound of each window's so many months later."""
        from scipy.special import ndtr

        out = np.zeros_like(bounds)
        for w in range(bounds.size):
            h = int(self.late[w]) + steps
            power = np.linalg.matrix_power(self.model.transition[..., w], h)
            left = self.phi[w] ** h
            mean = self.model.mean[:, 0, w]
            centre = mean[None] + left * (self.last[w] - mean[:, None])
            variance = self.variance[w] * (1.0 - left**2) / (1.0 - self.phi[w] ** 2) + self.revision[w]
            out[w] = (self.told[:, w, None] * power * ndtr((bounds[w] - centre) / np.sqrt(variance))).sum()
        return out


def _laid(windows: list[list[FloatArray]]) -> tuple[FloatArray, IntArray, IntArray]:
    """Lay windows beside one another: values, months up to the last observation, months in all."""
    parts = [window_of(w) for w in windows]
    x = np.full((max(v.shape[0] for v, _ in parts), len(windows[0]), len(windows)), np.nan)
    for k, (values, _) in enumerate(parts):
        x[: values.shape[0], :, k] = values
    return x, np.array([n for _, n in parts]), np.array([v.shape[0] for v, _ in parts])


def _carried(told: FloatArray, transition: FloatArray, late: IntArray) -> FloatArray:
    """Carry each window's probabilities forward by its own months without data."""
    lanes = range(late.size)
    columns = [hidden.ahead(told[:, [w]], transition[..., [w]], int(late[w]))[:, 0] for w in lanes]
    return np.ascontiguousarray(np.stack(columns, axis=1))


def jump_chain(session: Session, windows: list[list[FloatArray]]) -> Chain:
    """Fit a statistical jump model to many windows, each standardised by itself, or find it in the cache."""
    x, fitted, whole = _laid(windows)
    settings = session.settings
    starts = JUMP_STARTS * settings.regime_starts
    key = ("regime jumps", digest_of(x, whole), repr(settings.regime_jump_penalty), str(starts),
           str(settings.seed))  # fmt: skip

    def compute() -> Chain:
        middle, variance = hidden.first_moments(x)
        spread = np.sqrt(variance)
        z, penalty = (x - middle) / spread, settings.regime_jump_penalty
        best = fit_jump(z, fitted, JUMP_STATES, penalty, starts, settings.seed)
        transition = counted_transitions(best.path, JUMP_STATES)
        lanes = np.arange(fitted.size)
        last = np.zeros((JUMP_STATES, fitted.size))
        last[best.path[fitted - 1, lanes], lanes] = 1.0
        now = _carried(last, transition, whole - fitted)
        mean = middle + spread * best.centres
        none = np.full((JUMP_STATES, x.shape[1], x.shape[1], fitted.size), np.nan)
        model = StateModel(last, transition, mean, none)
        return Chain(now, model, best.reached, best.centres[-1, 0] - best.centres[0, 0], best.usable)

    return session.get_or_compute(key, compute, Chain)


def switching_chain(session: Session, windows: list[list[FloatArray]], revision: float) -> SwitchingChain:
    """Fit a Markov-switching autoregression to many windows, or find it in the cache."""
    x, fitted, whole = _laid(windows)
    seed = session.settings.seed
    key = ("regime switching", digest_of(x, whole), str(SWITCHING_STARTS), str(seed), repr(revision))

    def compute() -> SwitchingChain:
        y = x[:, 0]
        best = markov_switching.fit(y, fitted, SWITCHING_LAGS, SWITCHING_STARTS, seed)
        p, _ = markov_switching.filtered(y, best.model)
        lanes = np.arange(fitted.size)
        told = p[fitted - 1 - SWITCHING_LAGS, :, lanes].T
        late = whole - fitted
        transition = best.model.transition
        now = _carried(told, transition, late)
        variance = np.broadcast_to(best.model.variance, (2, 1, 1, fitted.size)).copy()
        model = StateModel(told, transition, best.model.mean[:, None], variance)
        return SwitchingChain(
            now, model, best.reached, best.separation, best.usable, told, y[fitted - 1, lanes],
            best.model.phi[0], best.model.variance, late.astype(np.float64), np.full(fitted.size, revision),
        )  # fmt: skip

    return session.get_or_compute(key, compute, SwitchingChain)
