"""Write docs/reliability.md: every fault is tried at every publisher's stand-in, and what was said is the table.

Run ``python -m tools.build_reliability``; a test compares the page with the table of faults.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np

from tests.live.faults import FAULTS, SYMBOLS
from tests.live.loopback import Loopback, World
from xl_smallcap.data.catalogue import load_catalogue
from xl_smallcap.data.refresh import refresh
from xl_smallcap.data.store import Store

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- faults: begin (python -m tools.build_reliability) -->", "<!-- faults: end -->"
_NOW = np.datetime64("2026-01-05T18:00", "m")
_HOSTS = {"fred": "fred.stlouisfed.org", "cftc": "publicreporting.cftc.gov", "ishares": "www.ishares.com"}


def outcome(world: World, source: str, fault: str) -> str:
    """Try one fault at one publisher. The sentence of the report."""
    symbol, series = SYMBOLS[source]
    server = Loopback(world)
    wanted = symbol if source == "ishares" else series
    try:
        with tempfile.TemporaryDirectory() as home:
            sentence = ""
            for k in range(2):
                settings = server.settings(Path(home), timeout_seconds=0.3)
                report = refresh(
                    Store(Path(home) / "store"), load_catalogue(), settings, lambda *_: None, only_sources=[source],
                    only_series=[wanted], now=_NOW + np.timedelta64(k, "m"),
                )  # fmt: skip
                sentence = report.outcomes[0].told
                server.faults[symbol] = fault
        return re.sub(r"127\.0\.0\.1:\d+", _HOSTS[source], sentence)
    finally:
        server.close()


def table() -> str:
    """Return the table of faults with what was said."""
    world = World()
    rows = ["| what goes wrong | source | what the refresh says |", "|---|---|---|"]
    for fault in FAULTS:
        for n, source in enumerate(SYMBOLS):
            rows.append(f"| {fault.what if n == 0 else ''} | {source} | {outcome(world, source, fault.name)} |")
    return "\n".join([_BEGIN, *rows, _END])


def main() -> None:
    """Bring the page's table up to date."""
    text = PAGE.read_text(encoding="utf-8")
    page, times = re.subn(re.escape(_BEGIN) + r".*?" + re.escape(_END), lambda _: table(), text, flags=re.DOTALL)
    if times != 1:
        raise ValueError("docs/reliability.md has lost its markers for the table of faults")
    PAGE.write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
