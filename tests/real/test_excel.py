"""Real history through the real xlwings CallUDF, in the time zone of a desk far from London."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.hosts.conftest import Excel
from tests.hosts.variants import as_cells, shown
from tests.real.conftest import FOLDER
from xl_smallcap.data.loading import LoadReport
from xl_smallcap.functions import RUSSELL_ASOF, RUSSELL_BETA, RUSSELL_STATUS

pytestmark = pytest.mark.skipif(not FOLDER, reason="XL_SMALLCAP_REAL_DATA is not set: no real data to check on")


@pytest.mark.parametrize("zone", ["Asia/Hong_Kong", "America/New_York"])
def test_days_are_pythons_in_every_zone(report: LoadReport, zone: str) -> None:
    excel = Excel(report.snapshot.root.parent, TZ=zone)
    try:
        status = RUSSELL_STATUS()
        days = [v.isoformat() for row in status for v in row if isinstance(v, dt.date)]
        assert min(days) < "1970", "days that Windows cannot place in local time"
        assert shown(excel.ask("RUSSELL_STATUS", [])) == as_cells(status)
        assert shown(excel.ask("RUSSELL_ASOF", [])) == as_cells(RUSSELL_ASOF())
        wanted = RUSSELL_BETA("inflation", "relative", "last_date", None, "2025-12-24")
        arguments = ["inflation", "relative", "last_date", None, {"date": "2025-12-24"}]
        assert shown(excel.ask("RUSSELL_BETA", arguments)) == as_cells(wanted)
    finally:
        excel.close()
