"""What drove small against large since June, and how much of it is sure?

Run it: python examples/attribution.py
"""

import xl_smallcap as xs

data = xs.open(sample=True)

parts = data.attribution("2025-06-30", None, "relative")
shown = parts["contribution"].dropna()
print(shown.round(2))

drivers = parts.loc[["growth", "inflation", "easing", "dollar", "oil"]]
largest = drivers["contribution"].abs().idxmax()
row = drivers.loc[largest]
print(
    f"\nLargest: {largest}, {row['contribution']:+.2f} log % "
    f"(90 % interval of the estimated betas {row['lower']:+.2f} to {row['upper']:+.2f})"
)
