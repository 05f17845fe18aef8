"""One file a source. Local ones are read by :mod:`loading`; those in ``REMOTE`` are asked by :mod:`refresh`."""

from __future__ import annotations

from xl_smallcap.data.sources import bloomberg, cftc, fred, ishares, yahoo
from xl_smallcap.data.sources.answer import Context, Fetched, Loaded, Remote, Request

REMOTE: dict[str, Remote] = {"fred": fred, "yahoo": yahoo, "cftc": cftc, "ishares": ishares, "bloomberg": bloomberg}

__all__ = ["REMOTE", "Context", "Fetched", "Loaded", "Remote", "Request"]
