"""NIST Statistical Reference Datasets, linear least squares, all eleven sets.

Source: NIST StRD, https://www.itl.nist.gov/div898/strd/lls/lls.shtml (US government work). The figures in
nist/exact.json were computed by exact rational arithmetic on NIST's data and agree with every certified digit;
regenerate them with Python's fractions by solving the normal equations X'X b = X'y exactly.
"""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xl_smallcap.models.estimation import solve_least_squares
from xl_smallcap.types import FloatArray

FOLDER = Path(__file__).with_name("nist")
EXACT: dict[str, Any] = json.loads((FOLDER / "exact.json").read_text())


def read(name: str) -> tuple[FloatArray, FloatArray]:
    with (FOLDER / f"{name}.csv").open() as handle:
        table = np.array(list(csv.reader(handle))[1:], dtype=float)
    y, x = table[:, 0], table[:, 1:]
    model = EXACT[name]["model"]
    if model.startswith("polynomial"):
        return np.vander(x[:, 0], int(model.split()[-1]) + 1, increasing=True), y
    return (x if model == "no intercept" else np.column_stack([np.ones(y.size), x])), y


def digits(values: FloatArray, exact: list[str]) -> float:
    """Fewest correct digits: minus the log of the relative error (absolute where the exact value is zero)."""
    worst = 15.0
    for value, text in zip(values, exact, strict=True):
        true = float(text)
        error = abs(value - true) / (abs(true) or 1.0)
        worst = min(worst, -np.log10(error) if error else 15.0)
    return worst


def test_all_eleven_are_here() -> None:
    assert len(EXACT) == 11


@pytest.mark.parametrize("name", sorted(EXACT))
def test_coefficients_and_errors(name: str) -> None:
    X, y = read(name)
    solved = solve_least_squares(X, y)
    assert digits(solved.params, EXACT[name]["params"]) >= (7 if name == "filip" else 9)
    if float(EXACT[name]["residual_sd"]) > 1e-6:
        sigma = np.sqrt((solved.resid**2).sum() / (y.size - X.shape[1]))
        bse = sigma * np.sqrt(np.diag(solved.xtx_inverse))
        assert digits(bse, EXACT[name]["bse"]) >= (7 if name == "filip" else 9)
    else:  # Wampler 1 and 2 are exact polynomials: the residual is zero
        assert np.abs(solved.resid).max() < 1e-9
