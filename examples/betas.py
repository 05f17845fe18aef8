"""Which factors move small against large, and how sure is that?

Run it: python examples/betas.py
"""

import xl_smallcap as xs

data = xs.open(sample=True)  # xs.open() for your own; the sample is synthetic

betas = data.betas("relative")
own = betas[betas["role"] == "factor"]
print(own[["beta", "se", "tstat", "lower", "upper"]].round(2))

clear = own[(own["lower"] > 0) | (own["upper"] < 0)]
print("\n90 % interval leaves out zero:", ", ".join(clear.index))

# the same question of three windows, one tidy frame
windows = data.betas("relative", window=[250, "104w", "60m"])["beta"].unstack("window")
print("\nBy window, % per +1 standard deviation of an observation:")
print(windows.loc[own.index].round(2))
