import numpy as np
import pytest

from xl_smallcap.models.estimation import solve_least_squares


def test_agrees_with_lapack_on_ordinary_data() -> None:
    rng = np.random.default_rng(1)
    X = np.column_stack([np.ones(200), rng.standard_normal((200, 6))])
    y = X @ np.arange(7.0) + rng.standard_normal(200)
    solved = solve_least_squares(X, y)
    np.testing.assert_allclose(solved.params, np.linalg.lstsq(X, y, rcond=None)[0], rtol=1e-12)
    np.testing.assert_allclose(solved.resid, y - X @ solved.params, atol=1e-12)
    np.testing.assert_allclose(solved.xtx_inverse, np.linalg.inv(X.T @ X), rtol=1e-10)


def test_power_of_two_scaling_changes_no_bit() -> None:
    rng = np.random.default_rng(2)
    X = rng.standard_normal((50, 3))
    y = rng.standard_normal(50)
    scale = np.array([2.0**40, 2.0**-30, 1.0])
    np.testing.assert_array_equal(solve_least_squares(X * scale, y).params * scale, solve_least_squares(X, y).params)


@pytest.mark.parametrize("make", [lambda x: np.column_stack([x, 0 * x]), lambda x: np.column_stack([x, 3 * x])])
def test_refuses_dependent_columns(make) -> None:  # type: ignore[no-untyped-def]
    x = np.random.default_rng(3).standard_normal(30)
    with pytest.raises(np.linalg.LinAlgError):
        solve_least_squares(make(x), x)
