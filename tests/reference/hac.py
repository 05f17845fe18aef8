"""Newey-West errors with scores weighted by leverage, from statsmodels' own pieces."""

from __future__ import annotations

from typing import Any

import numpy as np
import statsmodels.api as sm
from statsmodels.stats.sandwich_covariance import S_hac_simple


def leverage_hac(y: Any, exog: Any, lags: int) -> Any:
    """Least squares by statsmodels with e/(1 - h) in the sandwich: its hat diagonal, Bartlett sum and n/(n - k)."""
    fitted = sm.OLS(y, exog).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True)
    plain = sm.OLS(np.asarray(y), np.asarray(exog)).fit()
    weighted = plain.resid / (1.0 - plain.get_influence().hat_matrix_diag)
    n, k = plain.model.exog.shape
    middle = S_hac_simple(plain.model.exog * weighted[:, None], nlags=lags)
    fitted._results.cov_params_default = (
        plain.normalized_cov_params @ middle @ plain.normalized_cov_params * n / (n - k)
    )
    return fitted
