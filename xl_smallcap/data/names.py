"""What a column or a file is called -> the series of the catalogue.

FRED's ids, Bloomberg's tickers, Yahoo's and stooq's symbols and ALFRED's vintages are known. A name nobody knows stays
as it is; one that looks like a slip is asked about.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np

from xl_smallcap.data.catalogue import Catalogue

_VINTAGE = re.compile(r"(.+)_((?:19|20)\d{2})(\d{2})(\d{2})$")
_SECTORS = ("index", "equity", "curncy", "comdty", "govt", "corp")
_PRICE_FIELDS = ("", "px_last", "last_price", "px last")
_LEAST_LETTERS = 3
_CHART = re.compile(r" - last price$| \([lr]\d\)$")
"""What a terminal's exported chart puts behind a ticker."""


def _key(word: str) -> str:
    return " ".join(word.split()).lower()


class Names:
    """Looks names up in a catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._known = {_key(name): name for name in catalogue.series}
        for series in catalogue.series.values():
            for reference in series.sources:
                source, _, rest = reference.partition(":")
                symbol, _, field = rest.partition("#")
                self._learn(source.strip().lower(), _key(symbol), _key(field), series.id)
        # an ETF without its dividends is what stands in for the one with them
        self._plain = {_key(f): f for s in catalogue.series.values() for f in s.fallback if f not in catalogue.series}

    def _learn(self, source: str, symbol: str, field: str, series: str) -> None:
        if source == "fred":
            self._known.setdefault(symbol, series)
        elif source == "yahoo":
            self._known.setdefault(f"{symbol}#{field}" if field else symbol, series)
        elif source == "bloomberg":
            self._known.setdefault(f"{symbol}#{field or 'px_last'}", series)
            if field in _PRICE_FIELDS:
                self._known.setdefault(symbol, series)
                root, _, sector = symbol.rpartition(" ")
                if sector == "index" and root.isalpha():
                    self._known.setdefault(f"^{root}", series)

    def series_of(self, word: str, field: str = "") -> str | None:
        """Return the series a name means. Its id; None where the catalogue has none."""
        key, wanted = _CHART.sub("", _key(word)), _key(field)
        if wanted and wanted not in _PRICE_FIELDS:
            return self._known.get(f"{key}#{wanted}")
        if key in self._known or key in self._plain:
            return self._known.get(key) or self._plain[key]
        if key.rpartition(" ")[2] in _SECTORS:
            return self._known.get(f"{key}#px_last") or self._plain.get(key.partition(" ")[0])
        return None

    def vintage_of(self, word: str) -> tuple[str, np.datetime64] | None:
        """Return series and day of a column of ALFRED's, such as CPIAUCSL_20250115."""
        match = _VINTAGE.match(word.strip())
        series = self.series_of(match[1]) if match else None
        if match is None or series is None:
            return None
        try:
            return series, np.datetime64(f"{match[2]}-{match[3]}-{match[4]}", "D")
        except ValueError:
            return None

    def meant(self, word: str, present: Collection[str]) -> str | None:
        """Return the series a name may have been meant to be: two letters exchanged, one missing or doubled."""
        wanted = word.strip().upper()
        if len(wanted) < _LEAST_LETTERS:
            return None
        for name in self.catalogue.series:
            if name not in present and _slip(wanted, name.upper()):
                return name
        return None


def _slip(a: str, b: str) -> bool:
    """Whether two words differ by two neighbours exchanged, or by one letter more."""
    if len(a) == len(b):
        differ = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
        if len(differ) != 2 or differ[1] != differ[0] + 1:
            return False
        two = slice(differ[0], differ[1] + 1)
        return a[two] == b[two][::-1]
    short, long = sorted((a, b), key=len)
    if len(long) - len(short) != 1 or len(short) <= _LEAST_LETTERS:
        return False
    cut = [i for i in range(len(long)) if long[:i] + long[i + 1 :] == short]
    return bool(cut) and (long == b or len(cut) > 1)  # a letter missing, or one doubled
