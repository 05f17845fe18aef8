"""A refresh of 40 series whose publisher takes 200 ms to answer, against asking one after the other."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import requests

from tests.live.loopback import Loopback
from xl_smallcap.data.catalogue import load_catalogue
from xl_smallcap.data.refresh import refresh
from xl_smallcap.data.store import Store

LATENCY = 0.2


def test_forty_series_at_200_ms(tmp_path: Path) -> None:
    server, catalogue = Loopback(), load_catalogue()
    server.latency = LATENCY
    names = [s.id for s in catalogue.series.values() if s.sources and s.sources[0].startswith("fred:")][:39]
    wanted = [*names, "TFF_RUT_OI"]
    assert len(wanted) == 40
    try:
        began = time.perf_counter()
        with requests.Session() as one:
            for name in names:
                one.get(f"{server.url}/graph/fredgraph.csv", params={"id": name}, timeout=5).raise_for_status()
            where = {"$where": "cftc_contract_market_code in ('239742')"}
            one.get(f"{server.url}/resource/gpe5-46if.json", params=where, timeout=5).raise_for_status()
        peer = time.perf_counter() - began
        began = time.perf_counter()
        report = refresh(
            Store(tmp_path / "store"), catalogue, server.settings(tmp_path), lambda *_: None, only_series=wanted,
            now=np.datetime64("2026-01-05T18:00"),
        )  # fmt: skip
        ours = time.perf_counter() - began
        assert all(o.outcome == "new" for o in report.outcomes)
        assert report.snapshot is not None
        for name in names:
            expected = [v for _, v in server.world.rows(name) if v is not None and np.isfinite(v)]
            assert report.snapshot.series(name).values.tolist() == expected
    finally:
        server.close()
    print(
        f"\nrefresh of {len(wanted)} series at {1000 * LATENCY:.0f} ms: {ours:.2f} s, checked and stored; requests "
        f"one after the other, nothing but fetched: {peer:.2f} s; ratio {peer / ours:.1f}"
    )
