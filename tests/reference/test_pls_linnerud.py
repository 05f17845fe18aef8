"""Partial least squares against R on Linnerud's physical exercise data.

Weights and loadings are those of scikit-learn's own test (sklearn/cross_decomposition/tests/test_pls.py,
test_sanity_check_pls_regression), "checked against the R-packages plspm, misOmics and pls". That is PLS2, with three
targets; at convergence (theirs stops at about 2e-6) each of its components is the one component of PLS1 on the
targets' score, which is ours.
Regenerate in R with plsr(cbind(Weight, Waist, Pulse) ~ Chins + Situps + Jumps, scale = TRUE, method = "oscorespls").
"""

import numpy as np
from sklearn.datasets import load_linnerud

from xl_smallcap.models.estimation import partial_least_squares, standardised

X_WEIGHTS = [
    [-0.61330704, -0.00443647, 0.78983213],
    [-0.74697144, -0.32172099, -0.58183269],
    [-0.25668686, 0.94682413, -0.19399983],
]
X_LOADINGS = [
    [-0.61470416, -0.24574278, 0.78983213],
    [-0.65625755, -0.14396183, -0.58183269],
    [-0.51733059, 1.00609417, -0.19399983],
]
Y_WEIGHTS = [
    [+0.32456184, 0.29892183, 0.20316322],
    [+0.42439636, 0.61970543, 0.19320542],
    [-0.13143144, -0.26348971, -0.17092916],
]


def test_weights_and_loadings_of_every_component() -> None:
    data = load_linnerud()
    X, Y = standardised(data.data)[0], standardised(data.target)[0]
    for h in range(3):
        (weights,) = partial_least_squares(X, Y @ np.array(Y_WEIGHTS)[:, h], 1).basis.T
        weights *= np.sign(weights @ np.array(X_WEIGHTS)[:, h])
        scores = X @ weights
        loadings = X.T @ scores / (scores @ scores)
        np.testing.assert_allclose(weights, np.array(X_WEIGHTS)[:, h], atol=3e-6)
        np.testing.assert_allclose(loadings, np.array(X_LOADINGS)[:, h], atol=3e-6)
        X = X - np.outer(scores, loadings)
        Y = Y - np.outer(scores, Y.T @ scores / (scores @ scores))
