"""History reweighted as little as possible so that it meets a view: entropy pooling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xl_smallcap.errors import FitError
from xl_smallcap.types import FloatArray

FEWEST_EFFECTIVE = 30.0
"""Effective scenarios below which a reweighted history is refused as a distribution."""
_TOLERANCE = 1e-13
_STEPS = 100
_SHRINKS = 40


@dataclass(frozen=True)
class Pooled:
    """Weights that meet the views, and how much of the history is left: exp of their entropy."""

    weights: FloatArray
    effective: float
    residual: float


def pool(functions: FloatArray, views: FloatArray, names: tuple[str, ...]) -> Pooled:
    """Find the weights closest to equal ones whose means are the views.

    Parameters
    ----------
    functions : ndarray of shape (n_views, n_scenarios)
        What each view is about, in each scenario.
    views : ndarray of shape (n_views,)
        The means wanted.
    names : tuple of str
        Of the views, for errors.

    Returns
    -------
    Pooled
        `residual` is the largest miss of a view in standard deviations of its function.

    Raises
    ------
    FitError
        No reweighting reaches the views; a view outside of history is named with its range.

    Notes
    -----
    Meucci (2008), relative entropy by its dual, min over l of log mean exp(l'(A - b)), by Newton's method with
    halved steps; functions are standardised, weights come by softmax. Kish's and other effective numbers exist; exp of
    the entropy is Meucci's (2012).
    """
    n = functions.shape[1]
    if not views.size:
        return Pooled(np.full(n, 1.0 / n), float(n), 0.0)
    low, high = functions.min(axis=1), functions.max(axis=1)
    for k, name in enumerate(names):
        if not low[k] < views[k] < high[k]:
            raise FitError(
                f"No reweighting of history reaches {name} = {views[k]:.4g}: in {n} periods it lay between "
                f"{low[k]:.4g} and {high[k]:.4g}. Give a smaller shock or a longer horizon."
            )
    centre, sd = functions.mean(axis=1), functions.std(axis=1)
    A = (functions - centre[:, None]) / sd[:, None]
    A -= ((views - centre) / sd)[:, None]
    dual = np.zeros(views.size)
    z = np.zeros(n)
    value, q = 0.0, np.full(n, 1.0 / n)
    for _ in range(_STEPS):
        gradient = A @ q
        if float(np.abs(gradient).max()) < _TOLERANCE:
            break
        weighted = A * q
        hessian = weighted @ A.T - np.outer(gradient, gradient)
        # far out the weights gather on few scenarios and the Hessian fades: a trace of the identity keeps it solvable
        step = np.linalg.solve(hessian + 1e-14 * np.trace(hessian) * np.eye(views.size), gradient)
        slope, size = float(gradient @ step), 1.0
        for _ in range(_SHRINKS):
            trial = dual - size * step
            z = trial @ A
            top = float(np.max(z))
            np.subtract(z, top, out=z)
            np.exp(z, out=z)
            total = float(z.sum())
            found = np.log(total / n) + top
            if found <= value - 1e-4 * size * slope + 1e-15:
                break
            size *= 0.5
        dual, value, q = trial, float(found), z / total
        if value < -50.0:
            break  # the dual falls without end: the views lie outside of what any weights can give together
    residual = float(np.abs(A @ q).max())
    if residual > 1e-9:
        raise FitError(
            f"No reweighting of history reaches the views on {', '.join(names)} together, though each alone lies "
            "within its range: they contradict each other in the past. Give fewer or smaller shocks."
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -float(np.where(q > 0, q * np.log(q), 0.0).sum())
    return Pooled(q, float(np.exp(entropy)), residual)
