"""Principal component regression worked by hand.

Four observations of two factors: z1 = a (1, 1, -1, -1) and z2 = a (1, 0.2, -0.2, -1) b, target y = (3, 1, 0, -4).
With correlation rho the components are (1, 1)/sqrt(2) and (1, -1)/sqrt(2), with variances 1 + rho and 1 - rho. So with
one component both betas are (r1 + r2)/(2 (1 + rho)), r the covariances of the standardised factors with y.

By hand: sum z1² = 4, so sd = sqrt(4/3); r1 = ((3 + 1 - 0 + 4)/3)/sqrt(4/3) = 4/sqrt(3) = 2.309401.
Factor 2 is (1, 0.2, -0.2, -1): sum of squares 2.08, sd = sqrt(2.08/3) = 0.832666; its covariance with y is
(3 + 0.2 - 0 + 4)/3 = 2.4, so r2 = 2.4/0.832666 = 2.882307. Its covariance with factor 1 is (1 + 0.2 + 0.2 + 1)/3 = 0.8,
so rho = 0.8/(1.154701 x 0.832666) = 0.832050. The first component holds 0.916025 of the variance: at least 90 %.
Both betas are (2.309401 + 2.882307)/(2 x 1.832050) = 1.416912.
"""

import numpy as np
import pytest

from xl_smallcap.models.estimation import point_fit, standardised
from xl_smallcap.types import Method

X = np.array([[1.0, 1.0], [1.0, 0.2], [-1.0, -0.2], [-1.0, -1.0]])
Y = np.array([3.0, 1.0, 0.0, -4.0])


@pytest.mark.parametrize("method", [Method("pcr"), Method("pcr", 1)], ids=str)
def test_one_component(method: Method) -> None:
    fitted = point_fit(Y, standardised(X)[0], method)
    np.testing.assert_allclose(fitted.params, [1.416912, 1.416912], atol=5e-7)
    assert fitted.regressors == 1
    assert fitted.explained == pytest.approx(0.916025, abs=5e-7)


def test_two_components_are_ols() -> None:
    fitted = point_fit(Y, standardised(X)[0], Method("pcr", 2))
    rho, r1, r2 = 0.8320503, 2.3094011, 2.8823071
    expected = np.array([r1 - rho * r2, r2 - rho * r1]) / (1 - rho**2)
    np.testing.assert_allclose(fitted.params, expected, atol=2e-6)
