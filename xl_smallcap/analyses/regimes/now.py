"""Which regime is it, how sure, for how long, and what follows?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xl_smallcap.analyses.question import snapshot_day
from xl_smallcap.analyses.regimes.chain import Chain, digest_of, hidden_chain, jump_chain, switching_chain, window_of
from xl_smallcap.analyses.regimes.inputs import BIASED_INFLATION, INFLATION, PCE, Inputs, macro_inputs, market_inputs
from xl_smallcap.analyses.regimes.nowcast import three_months
from xl_smallcap.errors import BadArgumentError, FitError, NoDataError
from xl_smallcap.models import regimes as banded
from xl_smallcap.models import regimes as hidden
from xl_smallcap.session import Session
from xl_smallcap.types import DayArray, FloatArray, RegimeModel

Regime = Literal["goldilocks", "reflation", "slowdown", "stagflation"]
REGIMES: tuple[Regime, ...] = ("goldilocks", "reflation", "slowdown")
"""They add up to one; stagflation is the part of slowdown with high inflation."""
CELLS = banded.CELLS
LONGEST_HORIZON = 120
MEMBERS: tuple[RegimeModel, ...] = ("chains", "chains_pce", "bands", "bands_pce")
"""Models that answer one question, growth and contained core CPI, each in its own way; the pool is their mean."""
MEMBER_LABELS = {"chains": "chains, core CPI", "chains_pce": "chains, core PCE", "bands": "bands, core CPI",
                 "bands_pce": "bands, core PCE"}  # fmt: skip


@dataclass(frozen=True)
class Regimes:
    """The regimes of many month ends (or of one day): cell probabilities at any horizon."""

    model: RegimeModel
    months: DayArray
    chains: tuple[Chain, ...]
    bands: tuple[tuple[FloatArray, FloatArray, banded.Bands], ...]
    growth_min: float
    bounds: FloatArray
    last_growth: DayArray
    last_inflation: DayArray

    def cells(self, steps: int = 0) -> FloatArray:
        """Probabilities of up_low, up_high, down_low, down_high so many months later.

        NaN where nothing could be fitted. Models hmm and jump do not tell the two kinds of slowdown apart: their third
        row is both.
        """
        if self.bands:
            bands = zip(self.bands, self.bounds, strict=True)
            return np.column_stack([self._band(b, float(bound), steps) for b, bound in bands])
        if self.model in ("hmm", "jump"):
            (chain,) = self.chains
            p = chain.ahead(steps)
            # states in order of growth: the lowest is slowdown, of the others the one of higher inflation reflation
            inflation = chain.model.mean[1:, 1]
            lanes = np.arange(p.shape[1])
            high = inflation.argmax(axis=0)
            out = np.vstack([p[2 - high, lanes], p[1 + high, lanes], p[0], np.full(p.shape[1], np.nan)])
            return np.where(chain.usable, out, np.nan)
        growth, inflation_chain = self.chains
        g, p = growth.ahead(steps), inflation_chain.ahead(steps)
        if self.model != "market":  # the states' own densities below the bound, so that all members mean the same
            low = inflation_chain.below(self.bounds, steps)
            p = np.vstack([low, 1.0 - low])
        out = np.vstack([g[1] * p[0], g[1] * p[1], g[0] * p[0], g[0] * p[1]])
        return np.where(growth.usable & inflation_chain.usable, out, np.nan)

    def _band(self, one: tuple[FloatArray, FloatArray, banded.Bands], bound: float, steps: int) -> FloatArray:
        mean, covariance, model = one
        for _ in range(steps):
            mean = model.constant + model.matrix @ mean
            covariance = model.matrix @ covariance @ model.matrix.T + model.noise
        return banded.cells(mean, covariance, np.array([self.growth_min, bound]))

    def probabilities(self, steps: int = 0) -> FloatArray:
        """Probabilities of goldilocks, reflation, slowdown and its stagflation part."""
        c = self.cells(steps)
        return np.vstack([c[0], c[1], c[2] + np.nan_to_num(c[3]), c[3]])


def regimes_of(session: Session, model: RegimeModel, inputs: list[Inputs]) -> Regimes:
    """Fit one model to many windows, or find it in the cache."""
    chains: tuple[Chain, ...] = ()
    bands: list[tuple[FloatArray, FloatArray, banded.Bands]] = []
    settings = session.settings
    if model in ("hmm", "jump"):
        both = [[i.growth, i.inflation] for i in inputs]
        chains = (hidden_chain(session, both, 3) if model == "hmm" else jump_chain(session, both),)
    elif model == "markov_switching":
        growth, prices = [[i.growth] for i in inputs], [[i.inflation] for i in inputs]
        revision = settings.regime_inflation_revision**2
        chains = (switching_chain(session, growth, 0.0), switching_chain(session, prices, revision))
    elif model in ("bands", "bands_pce"):
        spread = settings.regime_inflation_revision if model == "bands" else settings.regime_pce_revision
        revisions = np.array([settings.regime_growth_revision, spread]) ** 2
        for i in inputs:
            y = np.column_stack([three_months(hidden.winsorised(i.growth)), hidden.winsorised(i.inflation)])
            fitted = banded.fit_bands(y)
            errors = np.repeat(revisions[None], len(y), axis=0)
            if i.nowcast is not None:
                told = np.isfinite(i.nowcast)
                y[told, 0], errors[told, 0] = i.nowcast[told], revisions[0] + i.nowcast_variance
            bands.append((*banded.forecast(fitted, y, 0, errors), fitted))
    else:
        chains = tuple(
            hidden_chain(session, [[values] for values in part], 2)
            for part in ([i.growth for i in inputs], [i.inflation for i in inputs])
        )
    # a chain on both series hears nothing of a month that lacks one of them
    lasts = [
        (i.last_both, i.last_both) if model in ("hmm", "jump") else (i.last_growth, i.last_inflation) for i in inputs
    ]
    return Regimes(
        model=model,
        months=np.array([i.months[-1] for i in inputs], dtype="datetime64[M]"),
        chains=chains,
        bands=tuple(bands),
        growth_min=settings.regime_growth_min,
        bounds=np.array([i.bound for i in inputs]),
        last_growth=np.array([i.months[last] for i, (last, _) in zip(inputs, lasts, strict=True)], "datetime64[M]"),
        last_inflation=np.array([i.months[last] for i, (_, last) in zip(inputs, lasts, strict=True)], "datetime64[M]"),
    )


def inputs_of(session: Session, model: RegimeModel, day: np.datetime64 | None, month: np.datetime64 | None) -> Inputs:
    """Return a model's growth and inflation as known by a day."""
    if model == "market":
        return market_inputs(session, day, month)
    return macro_inputs(session, day, month, PCE if model.endswith("_pce") else INFLATION)


@dataclass(frozen=True)
class Pool:
    """The members' regimes of one day, and why a member is missing."""

    members: dict[RegimeModel, Regimes]
    missing: dict[RegimeModel, str]

    def probabilities(self, steps: int = 0) -> FloatArray:
        """Mean of the members at a horizon. Shape (4, 1)."""
        return np.asarray(self.each(steps).mean(axis=0))

    def each(self, steps: int) -> FloatArray:
        """Probabilities of every member. Shape (n_members, 4, 1)."""
        return np.stack([r.probabilities(steps) for r in self.members.values()])

    @property
    def month(self) -> np.datetime64:
        """The month that is told."""
        month: np.datetime64 = next(iter(self.members.values())).months[0]
        return month


def pool_now(session: Session, as_of: np.datetime64 | None) -> Pool:
    """Return what each member says of the month of a day, by what was known on it."""
    members: dict[RegimeModel, Regimes] = {}
    missing: dict[RegimeModel, str] = {}
    first: NoDataError | FitError | None = None
    for model in MEMBERS:
        try:
            members[model] = regimes_now(session, model, as_of)
        except (NoDataError, FitError) as exc:
            missing[model] = str(exc)
            first = first or exc
    if first is not None and not members:
        raise first
    return Pool(members, missing)


def regimes_now(session: Session, model: RegimeModel, as_of: np.datetime64 | None) -> Regimes:
    """Return the regime of the month of a day by one model, by what was known on it. Of one window."""
    regimes = regimes_of(session, model, [inputs_now(session, model, as_of)])
    if not np.isfinite(regimes.cells()[:3]).all():
        raise FitError(
            f"Model '{model}' finds no states that stand apart in what was known by {as_of or 'the end'}: every start "
            "collapsed into one. Use model 'bands'."
        )
    return regimes


def inputs_now(session: Session, model: RegimeModel, as_of: np.datetime64 | None) -> Inputs:
    """Return a model's inputs to the month of a day; of none, to the month of the snapshot's last day."""
    day = as_of if as_of is not None else snapshot_day(session)
    return inputs_of(session, model, as_of, day.astype("datetime64[M]"))


# -- How sure is a regime's probability, given that its model is estimated?


DRAWS = 200
"""Series drawn for an interval."""


@dataclass(frozen=True)
class Uncertain:
    """Probabilities of the regimes under models refitted to drawn series: a row a regime, a column a draw."""

    probabilities: FloatArray
    draws: int


def regimes_drawn(session: Session, model: RegimeModel, as_of: np.datetime64 | None, steps: int) -> Uncertain | None:
    """Return what the probabilities could have been with parameters as uncertain as they are."""
    if model not in ("chains", "chains_pce", "market"):
        return None
    inputs = inputs_now(session, model, as_of)
    regimes = regimes_of(session, model, [inputs])
    draws, seed = DRAWS, session.settings.seed
    parts = []
    for k, values in enumerate((inputs.growth, inputs.inflation)):
        x, fitted = window_of([values])
        key = (
            "regime draws",
            digest_of(x, np.array([fitted])),
            str(draws),
            str(seed + k),
            str(session.settings.regime_starts),
        )
        chain = regimes.chains[k]

        def work(x: FloatArray = x, fitted: int = fitted, chain: Chain = chain, k: int = k) -> Chain:
            drawn = hidden.bootstrap(x, fitted, chain.model, draws, seed + k)
            wide = np.repeat(x[:, :, None], draws, axis=-1)
            now = hidden.last_filtered(wide, np.full(draws, x.shape[0]), drawn)
            one = np.ones(draws)
            return Chain(now, drawn, one, one, np.ones(draws, dtype=bool))

        parts.append(session.get_or_compute(key, work, Chain))
    drawn = Regimes(
        model=model,
        months=np.repeat(regimes.months, draws),
        chains=tuple(parts),
        bands=(),
        growth_min=regimes.growth_min,
        bounds=np.repeat(regimes.bounds, draws),
        last_growth=regimes.last_growth,
        last_inflation=regimes.last_inflation,
    )
    return Uncertain(drawn.probabilities(steps), draws)


# -- What a fitted regime model says beside its probabilities: how long regimes last, what follows, what to be wary o


WELL_SEPARATED, FEW_STARTS = 1.0, 0.2
CELL_NAMES = ("goldilocks", "reflation", "slowdown, low inflation", "stagflation")


def durations(regimes: Regimes) -> dict[str, float]:
    """Return how many months each regime lasts on average, by the transitions of the first window.

    Empty for bands, which have no states.
    """
    if regimes.bands:
        return {}
    if regimes.model in ("hmm", "jump"):
        (chain,) = regimes.chains
        stay = np.diagonal(chain.model.transition[..., 0])
        high = int(chain.model.mean[1:, 1, 0].argmax())
        kept = {"goldilocks": stay[2 - high], "reflation": stay[1 + high], "slowdown": stay[0]}
    else:
        g, p = (np.diagonal(c.model.transition[..., 0]) for c in regimes.chains)
        kept = {"goldilocks": g[1] * p[0], "reflation": g[1] * p[1], "slowdown": g[0], "stagflation": g[0] * p[1]}
    return {name: float(1.0 / max(1.0 - s, 1e-12)) for name, s in kept.items()}


def transitions(regimes: Regimes) -> tuple[tuple[str, ...], FloatArray, FloatArray]:
    """Return the monthly transition matrix between regimes, and their long-run shares. matrix: from row to column."""
    if regimes.bands:
        raise BadArgumentError(
            f"Model '{regimes.model}' has thresholds and no states, so no transitions; use 'chains', 'hmm', "
            "'jump', 'markov_switching' or 'market'."
        )
    if regimes.model in ("hmm", "jump"):
        (chain,) = regimes.chains
        high = int(chain.model.mean[1:, 1, 0].argmax())
        order = np.array([2 - high, 1 + high, 0])
        matrix = chain.model.transition[..., 0][np.ix_(order, order)]
        names: tuple[str, ...] = REGIMES
    else:
        g, p = (c.model.transition[..., 0] for c in regimes.chains)
        cells = [(1, 0), (1, 1), (0, 0), (0, 1)]
        matrix = np.array([[g[a, c] * p[b, d] for c, d in cells] for a, b in cells])
        names = CELL_NAMES
    shares = np.linalg.matrix_power(matrix, 4096)[0]
    return names, matrix, shares


def warnings_of(regimes: Regimes) -> str:
    """Say what makes one window's regimes doubtful. Empty where nothing does."""
    said = []
    names = ("growth (by which they are named)",) if regimes.model in ("hmm", "jump") else ("growth", "inflation")
    for name, chain in zip(names, regimes.chains, strict=False):
        if chain.separation[0] < WELL_SEPARATED:
            said.append(f"the states of {name} hardly differ ({chain.separation[0]:.1f} sd apart)")
        if chain.reached[0] < FEW_STARTS:
            said.append(f"only {chain.reached[0]:.0%} of the starts of {name} reached the best fit")
    for name, last in (("growth", regimes.last_growth[0]), ("inflation", regimes.last_inflation[0])):
        late = int((regimes.months[0] - last).astype(np.int64))
        if late > 1:
            said.append(f"{name} is carried forward {late} months from {last}")
    if regimes.model != "market":
        told = regimes.last_inflation[0]
        said += [words for first, after, words in BIASED_INFLATION if first <= told < after]
    return "; ".join(said)


def pool_warnings(pool: Pool) -> str:
    """Say what makes members doubtful, each thing once with whom it concerns, and who is missing."""
    by_words: dict[str, list[str]] = {}
    for model, regimes in pool.members.items():
        for words in filter(None, warnings_of(regimes).split("; ")):
            by_words.setdefault(words, []).append(model)
    every = len(pool.members)
    said = [w if len(who) == every else f"{', '.join(who)}: {w}" for w, who in by_words.items()]
    return "; ".join(said + [f"{m} is missing: {why}" for m, why in pool.missing.items()])
