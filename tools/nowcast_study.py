"""Hold the estimate of late growth against carrying its last value forward, on one's own data.

``python -m tools.nowcast_study`` prints the lines of docs/real-data.md; the rule is in docs/methods.md, Regimes.
"""

from __future__ import annotations

import numpy as np

from xl_smallcap.analyses.regimes.inputs import macro_inputs
from xl_smallcap.analyses.regimes.nowcast import nowcast, three_months
from xl_smallcap.analyses.regimes.record import month_ends
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.models.inference import bartlett_bse
from xl_smallcap.models.regimes import winsorised
from xl_smallcap.session import current_session

LAGS = 6
LEFT_OUT = (np.datetime64("2020-03", "M"), np.datetime64("2021-03", "M"))


def main() -> None:
    """Print both errors and the Diebold-Mariano t."""
    session = current_session()
    session.follow()
    final = macro_inputs(session, None)
    truth = dict(zip(final.months, three_months(winsorised(final.growth)), strict=True))
    rows = []
    for day in month_ends(session, "bands", None):
        month = day.astype("datetime64[M]")
        came = truth.get(month, np.nan)
        try:
            known = macro_inputs(session, day, month)
        except XlSmallcapError:  # a month of a long silence has neither
            continue
        estimate = nowcast(session, day, known.months, known.growth)[0][-1]
        carried = three_months(winsorised(known.growth))[known.last_growth]
        if np.isfinite([came, estimate, carried]).all() and not LEFT_OUT[0] <= month < LEFT_OUT[1]:
            late = int((month - known.months[known.last_growth]).astype(np.int64))
            rows.append((came - estimate, came - carried, late))
    table = np.array(rows)
    for said, pick in (("all", table[:, 2] > 0), ("two months late or more", table[:, 2] > 1)):
        part = table[pick]
        gain = part[:, 1] ** 2 - part[:, 0] ** 2
        error = bartlett_bse((gain - gain.mean())[:, None] / gain.size, LAGS, 1.0)[0]
        ours, carried = (np.sqrt((part[:, k] ** 2).mean()) for k in (0, 1))
        print(f"{said}: n {gain.size}, RMSE {ours:.4f}, carried forward {carried:.4f}, t {gain.mean() / error:.2f}")


if __name__ == "__main__":
    main()
