"""The demo: fit the embedded sample, show the betas, write a workbook that opens anywhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xl_smallcap.config import load_settings
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.functions import RUSSELL_ASOF, RUSSELL_BETAS
from xl_smallcap.session import Session, use_session
from xl_smallcap.types import Table
from xl_smallcap.workbooks.book import build_workbook, prepare

_SHOWN = ("factor", "beta", "se", "tstat", "pvalue", "lower", "upper", "sign_share", "nobs", "role")


@dataclass(frozen=True)
class DemoReport:
    """What the demo made: the beta table, where the workbook is, and whether the sample is CURRENT."""

    table: Table
    workbook: Path
    snapshot_name: str
    as_of: dt.date
    is_current: bool


def run_demo(folder: Path, progress: Callable[[str, int, int], None]) -> DemoReport:
    """Run the main job on the embedded sample. The sample becomes CURRENT only where nothing else is."""
    settings = load_settings()
    store = Store(settings.store_dir)
    report = load(store, "sample", progress, make_current=store.current() is None)
    is_current = store.current() == report.snapshot.fingerprint
    use_session(Session(settings, report.snapshot.fingerprint))
    try:
        progress("fitting", 1, 3)
        table = RUSSELL_BETAS()
        kept = [table[0].index(name) for name in _SHOWN]
        progress("writing the workbook", 2, 3)
        prepare(progress)
        path = build_workbook(folder / "xl_smallcap_demo.xlsx", cell_by_cell=True)
        progress("", 3, 3)
        return DemoReport(
            table=[[row[i] for i in kept] for row in table],
            workbook=path.resolve(),
            snapshot_name=report.snapshot.name,
            as_of=RUSSELL_ASOF(),
            is_current=is_current,
        )
    finally:
        use_session(None)
