"""What a fund held on a day: one row a holding, and its canonical hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from xl_smallcap.data import columnar
from xl_smallcap.errors import StoreError
from xl_smallcap.types import FloatArray

NUMBERS = ("weight", "price", "quantity", "market_value")
WORDS = ("ticker", "name", "sector", "asset_class")


@dataclass(frozen=True)
class Holdings:
    """The holdings of one fund on one day, in the order of the file."""

    fund: str  # its ticker, such as "IWM"
    as_of: np.datetime64  # day of the holdings, ``datetime64[D]``; NaT where the file does not say
    ticker: tuple[str, ...]  # a word a holding; "-" where the fund gives no ticker
    name: tuple[str, ...]
    sector: tuple[str, ...]
    asset_class: tuple[str, ...]
    weight: FloatArray  # percent of the fund
    price: FloatArray  # in US dollars and units; NaN where not given
    quantity: FloatArray
    market_value: FloatArray

    @property
    def day(self) -> str:
        """Day of the holdings in ISO form, or "undated"."""
        return "undated" if np.isnat(self.as_of) else str(self.as_of)

    def encode(self) -> bytes:
        """Return the bytes of the stored file."""
        words = {w: list(getattr(self, w)) for w in WORDS}
        return columnar.encode(
            {n: getattr(self, n) for n in NUMBERS}, {"fund": self.fund, "as_of": self.day, "words": words}
        )

    @classmethod
    def decode(cls, raw: bytes, where: str) -> Holdings:
        """Read back what :meth:`encode` wrote."""
        columns, meta = columnar.decode(raw, where)
        try:
            words: dict[str, Any] = {w: tuple(meta["words"][w]) for w in WORDS}
            numbers: dict[str, Any] = {n: columns[n] for n in NUMBERS}
            day = np.datetime64("NaT" if meta["as_of"] == "undated" else meta["as_of"], "D")
            return cls(fund=meta["fund"], as_of=day, **words, **numbers)
        except (KeyError, ValueError, TypeError) as exc:
            raise StoreError(f"{where} holds no holdings; load the data again to repair it.") from exc

    def digest(self) -> str:
        """Return the sha-256 of the canonical content. 64 hexadecimal digits."""
        sha = hashlib.sha256(json.dumps([self.fund, self.day, *(getattr(self, w) for w in WORDS)]).encode())
        for n in NUMBERS:
            sha.update(np.ascontiguousarray(getattr(self, n)).astype("<f8").tobytes())
        return sha.hexdigest()
