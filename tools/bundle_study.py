"""Hold the bundle of projections against what is now the default on sets that nobody had looked at, and on the others.

``python -m tools.bundle_study`` on one's own data; the rule is in docs/methods.md, Scenarios, and its outcome in
docs/real-data.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xl_smallcap.analyses.question import Question
from xl_smallcap.analyses.scenarios import evidence
from xl_smallcap.analyses.scenarios.projection import WINDOW
from xl_smallcap.data.catalogue import Target
from xl_smallcap.functions.parameters import SPEC, TARGET
from xl_smallcap.models.inference import bartlett_bse
from xl_smallcap.models.projection import StudentOutcome
from xl_smallcap.models.scores import crps_student
from xl_smallcap.session import Session, current_session
from xl_smallcap.types import FloatArray

MIDCAPS = Target("midcaps", "Mid-caps less the S&P 500", (("MDY_ADJ", 1.0), ("SPY_ADJ", -1.0)))
ENDS = {MIDCAPS.id: np.datetime64("2025-09-26")}
"""MDY_ADJ and SPY_ADJ end then in the validation data."""
YEARS = (np.datetime64("2008-01-01"), np.datetime64("2011-01-01"))
LEAST_T, COVERAGE = -1.0, (0.87, 0.93)


@dataclass(frozen=True)
class Forecasts:
    """Of each month end: the day, losses and whether the 90 % range held, told every factor."""

    days: FloatArray
    crps: FloatArray
    held: FloatArray
    brier: FloatArray

    def of(self, days: FloatArray) -> Forecasts:
        """Return those of some days."""
        k = np.isin(self.days, days)
        return Forecasts(self.days[k], self.crps[k], self.held[k], self.brier[k])


def forecasts(session: Session, target: Target, months: int, known: int = 0) -> Forecasts:
    """Project every month end of the past; `known` is a row of evidence.KNOWN."""
    question = Question(target=target, spec=SPEC.read(session, None), window=WINDOW, as_of=ENDS.get(target.id))
    table = evidence.past_forecasts(session, question, months)
    mean, sd, df, came = table[2 * known], table[2 * known + 1], table[6], table[7]
    every = [StudentOutcome(float(m), float(s), float(d)) for m, s, d in zip(mean, sd, df, strict=True)]
    half = np.array([o.quantile(0.95) - o.mean for o in every])
    up = np.array([o.above_zero() for o in every])
    return Forecasts(table[8], crps_student(came, mean, sd, df), np.abs(came - mean) <= half, (up - (came > 0)) ** 2)


def both(target: Target, months: int, known: int = 0) -> tuple[Forecasts, Forecasts]:
    """Forecasts without and with the bundle, of the same month ends."""
    settings = current_session().settings
    plain, bundle = (forecasts(Session(replace(settings, scenario_bundle=k)), target, months, known) for k in (0, 1))
    common = np.intersect1d(plain.days, bundle.days)
    return plain.of(common), bundle.of(common)


def compared(plain: Forecasts, bundle: Forecasts, keep: FloatArray, months: int) -> tuple[float, list[float]]:
    """Diebold-Mariano t of the gain in CRPS, and the numbers of a line."""
    gain = (plain.crps - bundle.crps)[keep]
    error = bartlett_bse((gain - gain.mean())[:, None] / gain.size, months + 2, 1.0)[0]
    values = [plain.crps[keep].mean(), bundle.crps[keep].mean(), plain.held[keep].mean(), bundle.held[keep].mean(),
              plain.brier[keep].mean(), bundle.brier[keep].mean()]  # fmt: skip
    return float(gain.mean() / error), [float(v) for v in values]


def main() -> None:
    """Print every comparison, then what the rule says."""
    session = current_session()
    session.follow()
    relative, russell = (TARGET.read(session, t) for t in ("relative", "russell"))
    print("| set | months ahead | told | n | t | CRPS | bundle | 90 % held | bundle | Brier | bundle |")
    print("|---" * 11 + "|")
    verdicts, held, count = [], 0.0, 0
    cases = [("mid-caps, untouched", MIDCAPS, 1, 0), ("2008 to 2010, untouched", relative, 1, 0)]
    cases += [("mid-caps", MIDCAPS, h, k) for h, k in ((3, 0), (6, 0), (1, 1), (1, 2))]
    cases += [("2011 to 2025", t, h, k) for t in (relative, russell) for h, k in ((1, 0), (3, 0), (1, 1), (1, 2))]
    for name, target, months, known in cases:
        plain, bundle = both(target, months, known)
        days = plain.days.astype(np.int64).astype("datetime64[D]")
        keep = np.ones(days.size, dtype=bool)
        if name.startswith("2008"):
            keep = (days >= YEARS[0] - np.timedelta64(2, "D")) & (days < YEARS[1] - np.timedelta64(1, "D"))
        elif name.startswith("2011"):
            keep = days >= YEARS[1] - np.timedelta64(1, "D")
        t, values = compared(plain, bundle, keep, months)
        said = evidence.KNOWN[known]
        print(f"| {name}, {target.id} | {months} | {said} | {int(keep.sum())} | {t:+.2f} | "
              + " | ".join(f"{v:.3f}" for v in values) + " |", flush=True)  # fmt: skip
        if "untouched" in name:
            verdicts.append(t > LEAST_T)
            held, count = held + float(bundle.held[keep].sum()), count + int(keep.sum())
    share = held / count
    adopted = all(verdicts) and COVERAGE[0] <= share <= COVERAGE[1]
    print(f"both untouched sets: 90 % ranges of the bundle held {share:.3f} of {count}; adopted: {adopted}")


if __name__ == "__main__":
    main()
