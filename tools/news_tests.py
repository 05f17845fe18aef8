"""``python -m tools.news_tests``: the claims about news on the sets nobody had looked at, by the rule in methods.md.

Run it with XL_SMALLCAP_HOME set to a home with real data that has MDY_ADJ and SPY_ADJ. Prints a table in markdown.
"""

from __future__ import annotations

import numpy as np

from xl_smallcap.analyses.events import event_beta, news_panel
from xl_smallcap.analyses.thesis import MID_CAPS
from xl_smallcap.models.inference import holm, student_upper
from xl_smallcap.session import Session

CLAIMS = (("soft inflation prints help", "cpi", 1.0), ("strong payrolls help", "payrolls", -1.0),
          ("cuts as such help", "fomc", 1.0))  # fmt: skip


def main() -> None:
    """Print each claim on each set, and its verdict."""
    session = Session()
    sets = {
        "A: Russell less S&P, to 2005": (session.catalogue.targets["relative"], None, np.datetime64("2005-12-31")),
        "B: mid-caps less S&P, to 2025-09": (MID_CAPS, None, np.datetime64("2025-09-30")),
        "looked at: Russell less S&P, 2006 on": (
            session.catalogue.targets["relative"], np.datetime64("2006-01-01"), np.datetime64("2025-12-31"),
        ),
    }  # fmt: skip
    rows, deciding = [], {}
    for label, (target, start, as_of) in sets.items():
        panel = news_panel(session, "easing", target, start, as_of)
        for claim, kind, sign in CLAIMS:
            one = event_beta(panel, kind, False)
            p = student_upper(sign * one.slope.tvalue, one.slope.df)
            rows.append((claim, label, one, p))
            if label[0] == ("B" if kind == "fomc" else "A"):
                deciding[claim] = (p, sign * one.slope.tvalue, one.slope.df)
    other_side = {c: student_upper(-t, df) for c, (_, t, df) in deciding.items()}
    ours, theirs = holm([p for p, _, _ in deciding.values()]), holm(list(other_side.values()))
    print("| claim | set | first day | days | % per 10 bp | t | p, one-sided | without five days |")
    print("|---|---|---|---|---|---|---|---|")
    for claim, label, one, p in rows:
        s = one.slope
        print(
            f"| {claim} | {label} | {one.first_date} | {s.nobs} | {10 * s.slope:+.2f} | {s.tvalue:+.1f} | {p:.3f} | "
            f"{10 * s.slope_without_top:+.2f} |"
        )
    for claim, p, q in zip(deciding, ours, theirs, strict=True):
        verdict = "supported" if p <= 0.05 else "contradicted" if q <= 0.05 else "unclear"
        print(f"{claim}: {verdict} (p after Holm {p:.3f})")


if __name__ == "__main__":
    main()
