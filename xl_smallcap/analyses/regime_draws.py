"""How sure is a regime's probability, given that its model is estimated?"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from xl_smallcap.analyses.regimes import (
    Chain,
    Regimes,
    chain_columns,
    chain_of,
    digest_of,
    inputs_now,
    regimes_of,
    window_of,
)
from xl_smallcap.models import hidden_markov as hidden
from xl_smallcap.session import Session
from xl_smallcap.types import FloatArray, RegimeModel

DRAWS = 200
"""Series drawn for an interval."""


@dataclass(frozen=True)
class Uncertain:
    """Probabilities of the regimes under models refitted to drawn series: a row a regime, a column a draw."""

    probabilities: FloatArray
    draws: int


def regimes_drawn(session: Session, model: RegimeModel, as_of: np.datetime64 | None, steps: int) -> Uncertain | None:
    """Return what the probabilities could have been with parameters as uncertain as they are."""
    if model not in ("chains", "market"):
        return None
    inputs = inputs_now(session, model, as_of)
    found = regimes_of(session, model, [inputs])
    draws, seed = DRAWS, session.settings.seed
    parts = []
    for k, values in enumerate((inputs.growth, inputs.inflation)):
        x, fitted = window_of([values])
        name = ("growth", "inflation")[k]
        key = (
            "regime draws",
            digest_of(x, np.array([fitted])),
            str(draws),
            str(seed + k),
            str(session.settings.regime_starts),
        )
        chain = found.chains[k]

        def work(x: FloatArray = x, fitted: int = fitted, chain: Chain = chain, k: int = k) -> Chain:
            drawn = hidden.bootstrap(x, fitted, chain.model, draws, seed + k)
            wide = np.repeat(x[:, :, None], draws, axis=-1)
            now = hidden.last_filtered(wide, np.full(draws, x.shape[0]), drawn)
            one = np.ones(draws)
            return Chain(now, drawn, one, one, np.ones(draws, dtype=bool))

        parts.append(
            session.get_or_compute(key, work, functools.partial(chain_columns, name), functools.partial(chain_of, name))
        )
    drawn = Regimes(
        model=model,
        months=np.repeat(found.months, draws),
        chains=tuple(parts),
        bands=(),
        thresholds=found.thresholds,
        last_growth=found.last_growth,
        last_inflation=found.last_inflation,
    )
    return Uncertain(drawn.probabilities(steps), draws)
