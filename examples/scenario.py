"""A path of your own: what would it mean for small against large, and what must be true?

Run it: python examples/scenario.py
"""

import xl_smallcap as xs

data = xs.open(sample=True)

shocks = {"growth": (1, "sd"), "inflation": "-20 bp", "easing": (25, "bp")}
answer = data.scenario(shocks, "relative", "all", horizon=6)["value"]
print(f"Mean {answer['mean']:+.1f} %, 90 % range {answer['p5']:+.1f} to {answer['p95']:+.1f} %")
print(f"Odds of beating the S&P 500 on this path {answer['prob_outperform']:.2f}, anyway {answer['base_rate']:.2f}")
print("To be wary of:", answer["warning"])

print("\nWhat must be true for the house path's call to be a coin's toss:")
print(data.tipping(None, "goldman")[["tipping", "unit", "lower", "upper"]].round(1))
