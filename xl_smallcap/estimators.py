"""Our models as scikit-learn estimators, for pipelines, grids and splits by time: thin coats over ``models``.

They give the cells' numbers on the cells' data (``xl_smallcap.open().panel(...)``), to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from xl_smallcap.errors import BadArgumentError, FitError, unknown_word
from xl_smallcap.models import regimes as hidden
from xl_smallcap.models.factor_fit import Bootstrap, FactorFit, fit_factors
from xl_smallcap.models.kernels.hidden_markov import StateModel, filtered, log_emission
from xl_smallcap.models.simulation import pool
from xl_smallcap.types import FloatArray, Method

_METHODS = ("ols", "univariate", "pcr", "pls")
_FEWEST = 3
"""Rows beyond the regressors that an error needs."""
_FEWEST_MONTHS = 12
"""For two states of each chain; the cells' own models ask for more."""


class ParameterError(BadArgumentError, ValueError):
    """A parameter or an input is not of the documented form; a ValueError too, as scikit-learn's users expect."""


def _whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A whole number between two."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        limit = f"{least} or more" if most is None else f"{least} to {most}"
        raise ParameterError(f"{name} must be a whole number, {limit}; got {value!r}.")
    return int(value)


def _names(estimator: Any) -> tuple[str, ...]:
    given = getattr(estimator, "feature_names_in_", None)
    return tuple(map(str, given)) if given is not None else tuple(f"x{i}" for i in range(estimator.n_features_in_))


class FactorRegression(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types of its own
    """Betas of a target on standardised factors with Newey-West or bootstrapped errors, as in RUSSELL_BETAS.

    Parameters
    ----------
    method : {"ols", "univariate", "pcr", "pls"}
        Joint, one factor at a time, on principal components, by partial least squares. "univariate" betas stand alone,
        so their sum is no forecast.
    n_components : int, optional
        Of pcr (default: 90 % of the variance) and pls (default: 2).
    confidence : float
        Coverage of the intervals, between 0 and 1.
    n_draws : int
        Draws of the moving-block bootstrap behind the errors of pcr and pls.
    random_state : int
        Its seed.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Per unit of the feature.
    intercept_ : float
    bse_, tvalues_, pvalues_ : ndarray of shape (n_features,)
        Errors of ``coef_``, per unit of the feature, its t and two-sided p by Student's distribution.
    conf_int_ : ndarray of shape (n_features, 2)
        Interval of ``coef_``, per unit of the feature.
    betas_ : ndarray of shape (n_features,)
        Per +1 standard deviation of the feature (ddof 1): the cell's number; its errors are in :meth:`summary`.
    vif_ : ndarray of shape (n_features,)
        Variance inflation factors.
    fit_ : FactorFit
        Everything else.

    Notes
    -----
    Newey and West (1987) with floor(4 (T/100)^(2/9)) lags; docs/methods.md.

    Examples
    --------
    >>> from xl_smallcap.estimators import FactorRegression
    >>> panel = data.panel("relative")
    >>> model = FactorRegression().fit(panel.drop(columns="relative"), panel["relative"])
    >>> bool(model.betas_[1] == data.beta("inflation", "relative"))
    True
    """

    def __init__(
        self,
        method: str = "ols",
        n_components: int | None = None,
        confidence: float = 0.90,
        n_draws: int = 1000,
        random_state: int = 20251224,
    ) -> None:
        self.method = method
        self.n_components = n_components
        self.confidence = confidence
        self.n_draws = n_draws
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - scikit-learn's name
        """Fit betas and their errors.

        Parameters
        ----------
        X : array-like of shape (n_obs, n_features)
            Changes of the factors, oldest first.
        y : array-like of shape (n_obs,)
            Changes of the target.

        Returns
        -------
        FactorRegression

        Raises
        ------
        BadArgumentError
            A parameter is not of the documented form (also a ValueError).
        FitError
            A feature does not change, features are collinear, or there are too few rows.
        """
        name = str(self.method).strip().lower()
        if name not in _METHODS:
            raise ParameterError(unknown_word("method", str(self.method), _METHODS))
        if not isinstance(self.confidence, (int, float)) or not 0.0 < self.confidence < 1.0:
            raise ParameterError(f"confidence must lie between 0 and 1; got {self.confidence!r}.")
        draws = Bootstrap(_whole("n_draws", self.n_draws, 2), _whole("random_state", self.random_state, 0))
        values, target = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        n, k = values.shape
        if n < k + _FEWEST:
            raise ParameterError(f"{n} samples are too few for {k} features; at least {k + _FEWEST} are needed.")
        count = None if self.n_components is None else _whole("n_components", self.n_components, 1, k)
        if count is None and name == "pls":
            count = min(2, k)
        method = Method(name, count if name in ("pcr", "pls") else None)  # type: ignore[arg-type]  # looked at above
        # laid out as the cells' panel is, so that sums come out to the last bit
        rows = np.ascontiguousarray(np.column_stack([target, values]))
        fit = fit_factors(rows[:, 0], rows[:, 1:], _names(self), method, float(self.confidence), draws)
        self.fit_: FactorFit = fit
        self.betas_ = fit.params
        self.coef_ = fit.params / fit.factor_sd
        self.intercept_ = float(fit.const - self.coef_ @ fit.factor_mean)
        self.bse_ = fit.bse / fit.factor_sd
        self.tvalues_, self.pvalues_, self.vif_ = fit.tvalues, fit.pvalues, fit.vif
        self.conf_int_ = np.column_stack([fit.lower, fit.upper]) / fit.factor_sd[:, None]
        return self

    def predict(self, X: Any) -> FloatArray:  # noqa: N803 - scikit-learn's name
        """Return the target that the features imply.

        Parameters
        ----------
        X : array-like of shape (n_obs, n_features)

        Returns
        -------
        ndarray of shape (n_obs,)
        """
        check_is_fitted(self)
        values = validate_data(self, X, reset=False, dtype=np.float64)
        return np.asarray(values @ self.coef_ + self.intercept_)

    def summary(self) -> pd.DataFrame:
        """Return the betas with their evidence.

        Returns
        -------
        DataFrame
            A row a feature, per +1 standard deviation: beta, se, tstat, pvalue, lower, upper, vif.
        """
        check_is_fitted(self)
        f = self.fit_
        columns = {
            "beta": f.params, "se": f.bse, "tstat": f.tvalues, "pvalue": f.pvalues, "lower": f.lower,
            "upper": f.upper, "vif": f.vif,
        }  # fmt: skip
        return pd.DataFrame(columns, index=pd.Index(_names(self), name="factor"))


class RegimeChains(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types of its own
    """Two hidden Markov chains, of growth and of inflation, and the regimes their states make.

    Parameters
    ----------
    n_starts : int
        Random starts, of which the likeliest fit is kept.
    random_state : int
        Seed of the starts.
    inflation_max : float or None
        Most inflation that is contained, in X's unit: the states' densities below it count, as in cells (there 3.0).
        None: the state of lower inflation is the contained one, wherever it lies.

    Attributes
    ----------
    classes_ : ndarray of str of shape (3,)
        goldilocks (growth up, inflation low), reflation (both up), slowdown (growth down).
    growth_, inflation_ : StateModel
        Means, variances and transitions; states in order of their mean, lowest first.

    Notes
    -----
    Hamilton (1989); inputs beyond three robust standard deviations are pulled in. NaN is a month without data.

    Examples
    --------
    >>> from xl_smallcap.estimators import RegimeChains
    >>> rng = np.random.default_rng(1)
    >>> up = np.repeat([0, 1, 0, 1], 40)
    >>> X = np.column_stack([up + 0.2 * rng.standard_normal(160), 2 + 0.2 * rng.standard_normal(160)])
    >>> RegimeChains(n_starts=5).fit(X).predict_proba(X).shape
    (160, 3)
    """

    def __init__(self, n_starts: int = 20, random_state: int = 20251224, inflation_max: float | None = None) -> None:
        self.n_starts = n_starts
        self.random_state = random_state
        self.inflation_max = inflation_max

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = False
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803 - scikit-learn's name
        """Fit both chains.

        Parameters
        ----------
        X : array-like of shape (n_months, 2)
            Growth and inflation, a row a month, oldest first; NaN where a month has none.
        y : ignored

        Returns
        -------
        RegimeChains

        Raises
        ------
        BadArgumentError
            Not two columns, or too few months (also a ValueError).
        FitError
            Every start collapsed into one state.
        """
        values = self._checked(X, reset=True)
        there = int(np.isfinite(values).all(axis=1).sum())
        if there < _FEWEST_MONTHS:
            raise ParameterError(f"{there} month(s) with both values are too few (n_samples); give {_FEWEST_MONTHS}.")
        _whole("n_starts", self.n_starts, 1)
        _whole("random_state", self.random_state, 0)
        still = [j for j in range(2) if np.nanstd(values[:, j]) == 0.0]
        if still:
            raise FitError(f"Column {still[0]} of X does not change, so it has no two states.")
        self._edges = [_edges(values[:, j]) for j in range(2)]
        self.growth_, self.inflation_ = (self._fitted(values, j) for j in range(2))
        self.classes_ = np.array(["goldilocks", "reflation", "slowdown"])
        return self

    def predict_proba(self, X: Any) -> FloatArray:  # noqa: N803 - scikit-learn's name
        """Return filtered probabilities: each row's, given no later row.

        Parameters
        ----------
        X : array-like of shape (n_months, 2)
            As in :meth:`fit`, from the first month on.

        Returns
        -------
        ndarray of shape (n_months, 3)
        """
        growth, inflation = self._filtered(X)
        return self._regimes(growth, inflation)

    def smoothed_proba(self, X: Any) -> FloatArray:  # noqa: N803 - scikit-learn's name
        """Return probabilities given all rows, later ones too: for a look back, never for a test of foresight.

        Parameters
        ----------
        X : array-like of shape (n_months, 2)

        Returns
        -------
        ndarray of shape (n_months, 3)
        """
        parts = []
        for p, model in zip(self._filtered(X), (self.growth_, self.inflation_), strict=True):
            move, out = model.transition[..., 0], p.copy()
            for t in range(len(p) - 2, -1, -1):  # Kim (1994)
                out[t] = p[t] * (move @ (out[t + 1] / (p[t] @ move)))
            parts.append(out)
        return self._regimes(*parts)

    def forecast(self, X: Any, steps: int = 1) -> FloatArray:  # noqa: N803 - scikit-learn's name
        """Return probabilities some months after the last row.

        Parameters
        ----------
        X : array-like of shape (n_months, 2)
        steps : int
            Months, 0 or more.

        Returns
        -------
        ndarray of shape (3,)
        """
        months = _whole("steps", steps, 0, 120)
        later = [
            hidden.ahead(p[-1][:, None], model.transition, months)[:, 0]
            for p, model in zip(self._filtered(X), (self.growth_, self.inflation_), strict=True)
        ]
        return np.asarray(self._regimes(later[0][None], later[1][None])[0])

    def predict(self, X: Any) -> np.ndarray[Any, Any]:  # noqa: N803 - scikit-learn's name
        """Return each month's likeliest regime by what was known in it.

        Parameters
        ----------
        X : array-like of shape (n_months, 2)

        Returns
        -------
        ndarray of str of shape (n_months,)
        """
        likeliest = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[likeliest])

    def _checked(self, X: Any, *, reset: bool) -> FloatArray:  # noqa: N803 - scikit-learn's name
        values = validate_data(
            self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_features=2
        )
        if values.shape[1] != 2:
            raise ParameterError(f"X has two columns, growth and inflation; got {values.shape[1]} feature(s).")
        return np.asarray(values)

    def _fitted(self, values: FloatArray, j: int) -> StateModel:
        x = np.clip(values[:, j], *self._edges[j])[:, None, None]
        size = int(np.flatnonzero(np.isfinite(x[:, 0, 0]))[-1]) + 1
        fit = hidden.fit(x, np.array([size]), 2, int(self.n_starts), int(self.random_state))
        if not fit.usable[0]:
            raise FitError(f"Column {j} of X has no two states that stand apart: every start collapsed into one.")
        return fit.parameters

    def _filtered(self, X: Any) -> list[FloatArray]:  # noqa: N803 - scikit-learn's name
        """Probabilities of the two states of each chain, (n_months, 2)."""
        check_is_fitted(self)
        values = self._checked(X, reset=False)
        parts = []
        for j, model in enumerate((self.growth_, self.inflation_)):
            x = np.clip(values[:, j], *self._edges[j])[:, None, None]
            p, _ = filtered(log_emission(x, model), model)
            parts.append(np.asarray(p[:, :, 0]))
        return parts

    def _regimes(self, growth: FloatArray, inflation: FloatArray) -> FloatArray:
        """From the states of both chains (lowest mean first) to goldilocks, reflation and slowdown."""
        up, (low, high) = growth[:, 1], inflation.T
        if self.inflation_max is not None:
            from scipy.special import ndtr

            mean, sd = self.inflation_.mean[:, 0, 0], np.sqrt(self.inflation_.covariance[:, 0, 0, 0])
            low = (inflation * ndtr((float(self.inflation_max) - mean) / sd)).sum(axis=1)
            high = 1.0 - low
        return np.column_stack([up * low, up * high, growth[:, 0] * low + growth[:, 0] * high])


def _edges(x: FloatArray) -> tuple[float, float]:
    """Where values are pulled in to: learnt once, so that a later month changes no earlier one."""
    pulled = hidden.winsorised(x)
    return float(np.nanmin(pulled)), float(np.nanmax(pulled))


class EntropyPooling(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types of its own
    """Weights of past periods, as near to equal as views on their means allow.

    Parameters
    ----------
    views : mapping of feature to float, optional
        The mean wanted of a feature, by name or position; none leaves equal weights.

    Attributes
    ----------
    weights_ : ndarray of shape (n_periods,)
        They sum to one.
    effective_ : float
        Effective number of periods: exp of the weights' entropy.

    Notes
    -----
    Meucci (2008), by the dual; effective number: Meucci (2012).

    Examples
    --------
    >>> from xl_smallcap.estimators import EntropyPooling
    >>> X = np.random.default_rng(0).standard_normal((500, 2))
    >>> model = EntropyPooling({0: 0.5}).fit(X)
    >>> np.round(model.weights_ @ X[:, 0], 6)
    np.float64(0.5)
    """

    def __init__(self, views: Mapping[Any, float] | None = None) -> None:
        self.views = views

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803 - scikit-learn's name
        """Find the weights.

        Parameters
        ----------
        X : array-like of shape (n_periods, n_features)
            Past periods.
        y : ignored

        Returns
        -------
        EntropyPooling

        Raises
        ------
        BadArgumentError
            A view of a feature that is not there, or no number (also a ValueError).
        FitError
            A view lies outside of what happened.
        """
        values = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        names = list(_names(self))
        views = self.views.to_dict() if isinstance(self.views, pd.Series) else self.views
        if views is not None and not isinstance(views, Mapping):
            raise ParameterError(f"views is a dict of feature and mean, such as {{'growth': 0.5}}; got {views!r}.")
        positions, wanted = [], []
        for feature, mean in (views or {}).items():
            position = feature if isinstance(feature, int) and not isinstance(feature, bool) else None
            if position is None and str(feature) not in names:
                raise ParameterError(unknown_word("feature", str(feature), names))
            if position is not None and not 0 <= position < len(names):
                raise ParameterError(f"There is no feature {position}; X has {len(names)}.")
            if isinstance(mean, bool) or not isinstance(mean, (int, float)) or not np.isfinite(mean):
                raise ParameterError(f"The view on '{feature}' must be a number; got {mean!r}.")
            positions.append(position if position is not None else names.index(str(feature)))
            wanted.append(float(mean))
        pooled = pool(
            np.ascontiguousarray(values[:, positions].T), np.array(wanted), tuple(names[i] for i in positions)
        )
        self.weights_, self.effective_, self.residual_ = pooled.weights, float(pooled.effective), float(pooled.residual)
        return self

    def expectation(self, Y: Any) -> FloatArray | float:  # noqa: N803 - scikit-learn's name
        """Return the weighted mean of something that happened in the same periods.

        Parameters
        ----------
        Y : array-like of shape (n_periods,) or (n_periods, n_columns)

        Returns
        -------
        float or ndarray of shape (n_columns,)
        """
        check_is_fitted(self)
        values = np.asarray(Y, dtype=np.float64)
        if values.shape[:1] != self.weights_.shape:
            raise ParameterError(f"Y has {values.shape[:1]} rows, the weights are of {self.weights_.size} periods.")
        mean = self.weights_ @ values
        return float(mean) if values.ndim == 1 else np.asarray(mean)
