"""Newey-West standard errors against Stata's ``ivreg2 g_realinv g_realgdp L.realint, robust bw(5) small``.

US macro data 1959-2009 from statsmodels.datasets.macrodata (public domain); the figures are those statsmodels ships in
statsmodels/regression/tests/results/results_macro_ols_robust.py (results_ivhac4_small), printed by Stata's ivreg2.
bw(5) is a Bartlett kernel with four lags. Regenerate with that command in Stata.
"""

import numpy as np
from statsmodels.datasets import macrodata

from xl_smallcap.models.estimation import solve_least_squares
from xl_smallcap.models.inference import bartlett_bse, student_pvalues, student_quantile

PARAMS = [4.3742216647032, -0.61399696947899, -9.4816727746549]
BSE = [0.33125644884286, 0.29582347593197, 1.1859338087713]
TVALUES = [13.204940401864, -2.0755518727668, -7.9951112823729]
PVALUES = [5.282334606e-29, 0.03922090940364, 1.036821797e-13]
LOWER = [3.7209983425819, -1.1973480087863, -11.820282709911]


def test_against_stata() -> None:
    frame = macrodata.load_pandas().data
    growth = 400 * np.diff(np.log(frame["realgdp"].to_numpy()))
    investment = 400 * np.diff(np.log(frame["realinv"].to_numpy()))
    X = np.column_stack([growth, frame["realint"].to_numpy()[:-1], np.ones(growth.size)])
    solved = solve_least_squares(X, investment)
    bse = bartlett_bse((X @ solved.xtx_inverse) * solved.resid[:, None], 4, X.shape[0] / (X.shape[0] - 3.0))
    np.testing.assert_allclose(solved.params, PARAMS, rtol=1e-10)
    np.testing.assert_allclose(bse, BSE, rtol=1e-10)
    t = solved.params / bse
    np.testing.assert_allclose(t, TVALUES, rtol=1e-10)
    np.testing.assert_allclose(student_pvalues(t, 199.0), PVALUES, rtol=1e-7)
    np.testing.assert_allclose(solved.params - student_quantile(0.95, 199.0) * bse, LOWER, rtol=1e-10)
