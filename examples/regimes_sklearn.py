"""Our models in scikit-learn: betas chosen by time-ordered splits, regimes told month by month.

Run it: python examples/regimes_sklearn.py
"""

import numpy as np
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

import xl_smallcap as xs
from xl_smallcap.estimators import FactorRegression, RegimeChains

data = xs.open(sample=True)

panel = data.panel("relative", window=1000)
X, y = panel.drop(columns="relative"), panel["relative"]
grid = GridSearchCV(FactorRegression(n_draws=100), {"method": ["ols", "pcr", "pls"]}, cv=TimeSeriesSplit(5)).fit(X, y)
print(f"Best of three by out-of-sample R2: {grid.best_params_['method']} ({grid.best_score_:.2f})")
print(grid.best_estimator_.summary().round(2))

# growth and inflation that come in spells: two columns, a row a month
rng = np.random.default_rng(20251224)
growth = np.repeat([0.4, -0.6, 0.3, 0.5], 60) + 0.25 * rng.standard_normal(240)
inflation = np.repeat([2.0, 3.6, 2.1, 3.4], 60) + 0.3 * rng.standard_normal(240)
months = np.column_stack([growth, inflation])
model = RegimeChains().fit(months)
now, later = model.predict_proba(months)[-1], model.forecast(months, 3)
print("\nregime       now   in three months")
for name, p, q in zip(model.classes_, now, later, strict=True):
    print(f"{name:11}  {p:.2f}  {q:.2f}")
