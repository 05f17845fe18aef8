"""What a projection says: a distribution of one return, whichever way it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from xl_smallcap.types import FloatArray

_BISECTIONS = 80


class Outcome(Protocol):
    """The distribution of a return in %."""

    @property
    def mean(self) -> float:
        """Expected return, %."""

    @property
    def sd(self) -> float:
        """Standard deviation, %."""

    def quantile(self, p: float) -> float:
        """Return below which it stays with probability p, in %."""

    def above_zero(self) -> float:
        """Probability of a return above zero, 0 to 1."""


@dataclass(frozen=True)
class StudentOutcome:
    """Student's t of `df` degrees of freedom, scaled so that its standard deviation is `sd`."""

    mean: float
    sd: float
    df: float

    @property
    def scale(self) -> float:
        """What a standard t is multiplied with: sd sqrt((df - 2)/df)."""
        return float(self.sd * np.sqrt((self.df - 2.0) / self.df))

    def quantile(self, p: float) -> float:
        """Return below which it stays with probability p. %."""
        from scipy.special import stdtrit

        return float(self.mean + self.scale * stdtrit(self.df, p))

    def above_zero(self) -> float:
        """Probability of a return above zero."""
        from scipy.special import stdtr

        return float(stdtr(self.df, self.mean / self.scale))


@dataclass(frozen=True)
class MixtureOutcome:
    """Several scaled Student distributions, weighted."""

    weights: FloatArray
    parts: tuple[StudentOutcome, ...]

    @property
    def mean(self) -> float:
        """Weighted mean of the parts' means, %."""
        return float(sum(w * p.mean for w, p in zip(self.weights, self.parts, strict=True)))

    @property
    def sd(self) -> float:
        """Root of the mean variance and the variance of the means, %."""
        second = sum(w * (p.sd**2 + p.mean**2) for w, p in zip(self.weights, self.parts, strict=True))
        return float(np.sqrt(max(second - self.mean**2, 0.0)))

    def _below(self, x: float) -> float:
        from scipy.special import stdtr

        return float(
            sum(w * stdtr(p.df, (x - p.mean) / p.scale) for w, p in zip(self.weights, self.parts, strict=True))
        )

    def quantile(self, p: float) -> float:
        """Return below which it stays with probability p, by bisection between the parts' own. %."""
        ends = [part.quantile(p) for part in self.parts]
        low, high = min(ends), max(ends)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            if self._below(middle) < p:
                low = middle
            else:
                high = middle
        return 0.5 * (low + high)

    def above_zero(self) -> float:
        """Probability of a return above zero."""
        return 1.0 - self._below(0.0)


@dataclass(frozen=True)
class SampledOutcome:
    """Returns drawn or remembered, each with a weight (they add up to one)."""

    values: FloatArray
    weights: FloatArray

    @classmethod
    def of(cls, values: FloatArray, weights: FloatArray | None = None) -> SampledOutcome:
        """Sort once, so that quantiles are look-ups."""
        order = np.argsort(values, kind="stable")
        given = np.full(values.size, 1.0 / values.size) if weights is None else weights
        return cls(values[order], given[order])

    @property
    def mean(self) -> float:
        """Weighted mean, %."""
        return float((self.weights * self.values).sum())

    @property
    def sd(self) -> float:
        """Weighted standard deviation, %."""
        return float(np.sqrt((self.weights * (self.values - self.mean) ** 2).sum()))

    def quantile(self, p: float) -> float:
        """Return the smallest return up to which the weights reach p. %."""
        reached = np.cumsum(self.weights)
        return float(self.values[min(int(np.searchsorted(reached, p * reached[-1])), self.values.size - 1)])

    def above_zero(self) -> float:
        """Weight of the returns above zero."""
        return float(self.weights[self.values > 0.0].sum())
