"""Somebody's workbook: never worse in silence, never written over, read in seconds, cut off from elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from tests.conftest import num
from tests.workbooks.ooxml import broken_rules
from xl_smallcap import cli
from xl_smallcap.config import load_settings
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError
from xl_smallcap.functions import RUSSELL_BETA
from xl_smallcap.functions.cells import evaluate
from xl_smallcap.hosts.excel.attach import attach
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session, use_session
from xl_smallcap.workbooks.foreign.difference import difference
from xl_smallcap.workbooks.foreign.refresh import RefreshedBook, refresh_workbook

Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.filterwarnings("ignore:.*xtension is not supported")


@pytest.fixture
def home(sample_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    made = tmp_path / "home"
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(made))
    shutil.copytree(sample_store, made / "store")
    use_session(Session(load_settings(made)))
    yield made
    use_session(None)


@pytest.fixture
def no_office(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XL_SMALLCAP_SOFFICE", str(tmp_path / "nowhere"))


def book(path: Path, formulas: dict[str, str], stored: Any = 0.5, pin: str = "") -> Path:
    made = xlsxwriter.Workbook(str(path))
    sheet = made.add_worksheet("S")
    for cell, text in formulas.items():
        sheet.write_formula(cell, text, None, stored)
    if pin:
        made.define_name("RUSSELL_PIN", f'="{pin}"')
    made.close()
    return path


def refresh(path: Path, **more: Any) -> RefreshedBook:
    return refresh_workbook(path, None, None, lambda *_: None, **more)


def shown(path: Path, *cells: str) -> list[Any]:
    sheet = openpyxl.load_workbook(path, data_only=True)["S"]
    return [sheet[c].value for c in cells]


def numbers_in(path: Path) -> int:
    sheet = openpyxl.load_workbook(path, data_only=True)["S"]
    return sum(isinstance(c.value, float) for row in sheet for c in row)


def edited(path: Path, part: str, change: Callable[[str], str]) -> Path:
    with zipfile.ZipFile(path) as archive:
        parts = {n: archive.read(n) for n in archive.namelist()}
    parts[part] = change(parts.get(part, b"").decode()).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in parts.items():
            out.writestr(name, content)
    return path


# What had a number and would become an error.


def test_with_no_data_nothing_is_written(home: Path, no_office: None, tmp_path: Path, capsys: Capture) -> None:
    path = book(tmp_path / "b.xlsx", {"A1": '=RUSSELL_BETA("oil")'})
    before = path.read_bytes()
    use_session(Session(load_settings(tmp_path / "wrong home")))
    assert cli.main(["workbook", "refresh", str(path)]) == 1
    said = capsys.readouterr().err
    assert "No data are loaded yet" in said
    assert "wrong home" in said
    assert said.rstrip().endswith("Nothing was written.")
    assert path.read_bytes() == before
    use_session(Session(load_settings(home)))
    pinned = book(tmp_path / "p.xlsx", {"A1": '=RUSSELL_BETA("oil")'}, pin="0123456789ab")
    before = pinned.read_bytes()
    assert cli.main(["workbook", "refresh", str(pinned)]) == 1
    assert "RUSSELL_PIN: There is no snapshot '0123456789ab'" in capsys.readouterr().err
    assert pinned.read_bytes() == before


def test_numbers_that_become_errors_are_counted_and_said(
    home: Path, no_office: None, tmp_path: Path, capsys: Capture
) -> None:
    formulas = {
        "A1": '=RUSSELL_BETA("oil")',
        "A2": '=RUSSELL_BETA("nothing")',
        "A3": "=A2*2",
        "A4": "=RUSSELL_NEEDLE()",
        "A5": '=IFERROR(RUSSELL_NEEDLE(),"none")',
    }
    path = book(tmp_path / "b.xlsx", formulas)
    assert cli.main(["workbook", "refresh", str(path)]) == 3
    said = capsys.readouterr().err
    assert "3 cells that had numbers are errors now; --keep leaves such cells as they were." in said
    assert "Unknown factor 'nothing'" in said
    assert "The history of model 'chains' is not computed yet" in said, "true sentences: not 'not known by that day'"
    assert shown(path, "A2", "A3", "A4") == ["#VALUE!", "#VALUE!", "#N/A"]
    kept = book(tmp_path / "k.xlsx", formulas)
    assert cli.main(["workbook", "refresh", "--keep", str(kept)]) == 3
    assert "cells that had numbers would be errors now and keep their old values" in capsys.readouterr().err
    assert shown(kept, "A1", "A2", "A4") == [pytest.approx(RUSSELL_BETA("oil")), 0.5, 0.5]
    assert shown(kept, "A3") == [1.0], "what leans on a kept number leans on that number"


def test_a_table_that_becomes_an_error_is_counted_and_can_be_kept(home: Path, no_office: None, tmp_path: Path) -> None:
    def made(name: str) -> Path:
        out = xlsxwriter.Workbook(str(tmp_path / name))
        sheet = out.add_worksheet("S")
        sheet.write_string("A1", "oil")
        sheet.write_dynamic_array_formula("C1", "=RUSSELL_BETAS($A$1)", None, "")
        sheet.write_formula("B1", "=SUM(D2:D6)", None, 0)
        out.close()
        return tmp_path / name

    path = made("b.xlsx")
    edited(path, "xl/worksheets/sheet1.xml", lambda t: t.replace("$A$1", ""))
    refresh(path)
    total = shown(path, "B1")[0]
    assert isinstance(total, float)
    numbers = numbers_in(path)
    edited(path, "xl/worksheets/sheet1.xml", lambda t: t.replace("RUSSELL_BETAS()", 'RUSSELL_BETAS("x")'))
    before = path.read_bytes()
    done = refresh(path, keep=True)
    assert shown(path, "B1") == [total]
    assert (
        sum(isinstance(c.value, float) for r in openpyxl.load_workbook(path, data_only=True)["S"] for c in r) == numbers
    )
    assert any("keep their old values" in line for line in done.kept)
    path.write_bytes(before)
    done = refresh(path)
    assert done.worse >= numbers - 1
    assert shown(path, "C1", "D2") == ["#VALUE!", None]


# What somebody saves while we work.


@pytest.mark.parametrize("how", ["saved", "opened", "made"])
def test_what_is_saved_meanwhile_stays_and_the_result_lies_beside(
    home: Path, no_office: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, how: str
) -> None:
    path = book(tmp_path / "b.xlsx", {"A1": '=RUSSELL_BETA("oil")'})
    target = path if how != "made" else tmp_path / "new.xlsx"
    from xl_smallcap.workbooks.foreign.refresh import changes_of as real

    def meanwhile(*arguments: Any) -> Any:
        if how == "opened":
            (tmp_path / "~$b.xlsx").write_bytes(b"")
        else:
            target.write_bytes(b"somebody's work")
        return real(*arguments)

    monkeypatch.setattr("xl_smallcap.workbooks.foreign.refresh.changes_of", meanwhile)
    before = path.read_bytes()
    more = ["--out", str(target)] if how == "made" else []
    assert cli.main(["workbook", "refresh", str(path), *more]) == 3
    said = capsys.readouterr().err
    assert target.read_bytes() == (before if how == "opened" else b"somebody's work")
    beside = target.with_name(f"{target.stem} (refreshed).xlsx")
    assert shown(beside, "A1") == [pytest.approx(RUSSELL_BETA("oil"))]
    assert beside.name in said
    assert ("saved by somebody else" in said) == (how != "opened")


def test_attach_writes_over_nothing_that_was_saved_meanwhile(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = attach(book(tmp_path / "b.xlsx", {"A1": '=RUSSELL_BETA("oil")'}))
    from xl_smallcap.hosts.excel.project import replace_modules as real

    def meanwhile(*arguments: Any) -> Any:
        path.write_bytes(b"somebody's work")
        return real(*arguments)

    monkeypatch.setattr("xl_smallcap.hosts.excel.attach.replace_modules", meanwhile)
    made = attach(path)
    assert path.read_bytes() == b"somebody's work"
    assert made.name == "b (attached).xlsm"
    assert zipfile.is_zipfile(made)


# Texts of the data are texts.


def test_no_text_of_the_data_becomes_a_formula(home: Path, no_office: None, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    days = [f"2025-12-{d:02d}" for d in range(1, 31)]
    evil = '#N/A&HYPERLINK("http://evil.example","click")'
    for name in ("#2 weekly.csv", f"{re.sub('[/:]', '_', evil)}.csv"):
        (folder / name).write_text(
            "date,MINE" + str(len(name)) + "\n" + "".join(f"{d},{5 + k}\n" for k, d in enumerate(days))
        )
    sample = Store(home / "store").open()
    for name in ("RUT", "GSPC"):
        data = sample.series(name)
        rows = "".join(f"{d},{v!r}\n" for d, v in zip(data.dates, data.values.tolist(), strict=True))
        (folder / f"{name}.csv").write_text("date,value\n" + rows)
    load(Store(home / "store"), str(folder), lambda *_: None)
    use_session(Session(load_settings(home)))
    path = book(tmp_path / "b.xlsx", {})
    made = xlsxwriter.Workbook(str(path))
    made.add_worksheet("S").write_dynamic_array_formula("A1", "=RUSSELL_STATUS()", None, "")
    made.close()
    refresh(path)
    texts = [c.value for row in openpyxl.load_workbook(path)["S"] for c in row if isinstance(c.value, str)]
    assert any(t.startswith("#2 weekly") for t in texts)
    formulas = [
        c.value for row in openpyxl.load_workbook(path)["S"] for c in row if c.data_type == "f" and c.coordinate != "A1"
    ]
    assert formulas == []
    assert broken_rules(path) == []


# Names and functions that lead elsewhere.


@pytest.mark.libreoffice
def test_a_name_or_indirect_that_leads_to_another_file_keeps_the_old_value(
    office: Office, home: Path, tmp_path: Path
) -> None:
    assert office
    path = tmp_path / "b.xlsx"
    made = xlsxwriter.Workbook(str(path))
    sheet = made.add_worksheet("S")
    made.define_name("ext", "=[1]Other!$A$1")
    made.define_name("by_name", "=ext")
    sheet.write_string("D1", "[other.xlsx]S!A1")
    formulas = {
        "A1": "=ext*2",
        "A2": "=by_name+1",
        "A3": '=INDIRECT("[other.xlsx]S!A1")',
        "A4": "=INDIRECT(D1)",
        "A5": '=INDIRECT("D"&1)',
        "A6": '=RUSSELL_BETA("oil")+LEN(PROPER("abc"))',
    }
    for cell, text in formulas.items():
        sheet.write_formula(cell, text, None, 99.0)
    made.close()
    done = refresh(path)
    assert shown(path, "A1", "A2", "A3", "A4") == [99.0] * 4
    assert shown(path, "A5") == ["[other.xlsx]S!A1"]
    assert shown(path, "A6") == [pytest.approx(num(RUSSELL_BETA("oil")) + 3)]
    assert sum("only Excel sees" in line for line in done.kept) == 4


@pytest.mark.libreoffice
def test_libreoffice_fetches_nothing_for_a_workbook(office: Office, home: Path, tmp_path: Path) -> None:
    """A linked picture on our own server: nobody asks for it."""
    assert office
    requests: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/picture.png"
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000100"
        "05fe02fea7d6059b0000000049454e44ae426082"
    )
    (tmp_path / "p.png").write_bytes(png)
    made = xlsxwriter.Workbook(str(tmp_path / "b.xlsx"))
    sheet = made.add_worksheet("S")
    sheet.write_formula("A1", '=RUSSELL_BETA("oil")+LEN(PROPER("abc"))', None, 0.5)
    sheet.insert_image("D5", str(tmp_path / "p.png"))
    made.close()
    edited(
        tmp_path / "b.xlsx",
        "xl/drawings/_rels/drawing1.xml.rels",
        lambda t: re.sub(r'Target="[^"]*"', f'Target="{url}" TargetMode="External"', t),
    )
    edited(tmp_path / "b.xlsx", "xl/drawings/drawing1.xml", lambda t: t.replace("r:embed=", "r:link="))
    refresh(tmp_path / "b.xlsx")
    assert shown(tmp_path / "b.xlsx", "A1") == [pytest.approx(num(RUSSELL_BETA("oil")) + 3)]
    server.shutdown()
    server.server_close()
    assert requests == []


# Read in seconds, whatever a file says.

WHOLE = "A1:XFD1048576"


def within(seconds: float, job: Callable[[], Any]) -> Any:
    """The result of a job that must not hang: a hang is a failure of this test, not of the run."""

    def late(*_: object) -> None:
        raise TimeoutError(f"not done within {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return job()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(sys.platform == "win32", reason="setitimer and SIGALRM, which end a job that hangs, are POSIX's")
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda p: book(p, {"A1": '=RUSSELL_BETA("oil")', "B1": "=" + "a.xls!" * 26 + "x"}), id="prefixes"),
        pytest.param(
            lambda p: book(p, {"A1": '=RUSSELL_BETA("oil")', **{f"B{r}": "=A2" + "+A2" * 2700 for r in range(2, 120)}}),
            id="long formulas",
        ),
        pytest.param(
            lambda p: edited(
                book(p, {"A1": '=RUSSELL_BETA("oil")'}), "xl/workbook.xml",
                lambda t: t.replace("<sheets>", "<!-- " + "<definedName " * 60_000 + " --><sheets>"),
            ),
            id="names in a comment",
        ),
        pytest.param(
            lambda p: edited(
                book(p, {"A1": '=RUSSELL_BETA("oil")'}), "xl/worksheets/sheet1.xml",
                lambda t: t.replace("<f>", f'<f t="array" ref="{WHOLE}">'),
            ),
            id="array over the sheet",
        ),
        pytest.param(
            lambda p: edited(
                dynamic(p), "xl/worksheets/sheet1.xml", lambda t: re.sub(r'ref="C1[^"]*"', 'ref="C1:XFD1048576"', t)
            ),
            id="table over the sheet",
        ),
        pytest.param(lambda p: named(charted(p)), id="chart of the sheet"),
    ],
)  # fmt: skip
def test_nothing_in_a_file_hangs_refresh_or_diff(
    home: Path, no_office: None, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path, other = make(tmp_path / "b.xlsx"), make(tmp_path / "c.xlsx")
    within(20, lambda: refresh(path))
    within(20, lambda: difference(path, other))
    assert shown(path, "A1") == [pytest.approx(RUSSELL_BETA("oil"))] or "over the sheet" in str(tmp_path)


def dynamic(path: Path) -> Path:
    made = xlsxwriter.Workbook(str(path))
    sheet = made.add_worksheet("S")
    sheet.write_formula("A1", '=RUSSELL_BETA("oil")', None, 0.5)
    sheet.write_dynamic_array_formula("C1", "=RUSSELL_FACTORS()", None, "")
    made.close()
    return path


def named(path: Path) -> Path:
    name = f'<definedNames><definedName name="in_all">S!{WHOLE}</definedName></definedNames>'
    return edited(path, "xl/workbook.xml", lambda t: t.replace("</sheets>", f"</sheets>{name}"))


def charted(path: Path) -> Path:
    made = xlsxwriter.Workbook(str(path))
    sheet = made.add_worksheet("S")
    sheet.write_formula("A1", '=RUSSELL_BETA("oil")', None, 0.5)
    for reference in ("=S!$A$1:$XFD$1048576", "=S!$A$1:$XFD$1", "=S!$A$1:$A$1048576"):
        chart = made.add_chart({"type": "line"})
        chart.add_series({"values": reference})
        sheet.insert_chart("D5", chart)
    made.close()
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="setitimer and SIGALRM, which end a job that hangs, are POSIX's")
@pytest.mark.parametrize("far", ["H1048576", "XFD1048576", "XFD1"])
@pytest.mark.parametrize("content", [" ", "note"])
def test_a_stray_cell_far_away_costs_nothing(home: Path, tmp_path: Path, far: str, content: str) -> None:
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    sheet.append(["date", "X"])
    for k in range(1, 20):
        sheet.append([f"2025-12-{k:02d}", float(k)])
    if content == " " or not far.endswith("76"):
        sheet[far] = content
    made.save(tmp_path / "b.xlsx")
    code = within(20, lambda: cli.main(["data", "load", str(tmp_path / "b.xlsx")]))
    assert code in (1, 3), "loaded without the default model's series, or refused for the column's name"
    if content == " ":
        assert Store(home / "store").open().series("X").values.size == 19
    for area in ("A1:B20", "A1:XFD1048576"):
        arguments = ["data", "load", str(tmp_path / "b.xlsx"), "--range", area]
        assert within(20, partial(cli.main, arguments)) in (1, 3)


# Files that are damaged, or no files.


def test_a_doctype_is_refused_and_the_file_stays(home: Path, no_office: None, tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", {"A1": '=RUSSELL_BETA("oil")'})
    edited(
        path, "xl/worksheets/sheet1.xml",
        lambda t: t.replace("<worksheet", '<!DOCTYPE x [<!ENTITY c "1">]><worksheet', 1),
    )  # fmt: skip
    before = path.read_bytes()
    jobs: list[Callable[[], object]] = [lambda: refresh(path), lambda: attach(path), lambda: difference(path, path)]
    for job in jobs:
        with pytest.raises(BadArgumentError, match="DOCTYPE"):
            job()
    assert path.read_bytes() == before


@pytest.mark.parametrize("part", ["[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"])
def test_an_encoding_nobody_knows_is_a_sentence(home: Path, no_office: None, tmp_path: Path, part: str) -> None:
    path = book(tmp_path / "b.xlsx", {"A1": '=RUSSELL_BETA("oil")'})
    edited(path, part, lambda t: t.replace('encoding="UTF-8"', 'encoding="UTF-9"', 1))
    before, refused = path.read_bytes(), 0
    jobs: list[Callable[[], object]] = [lambda: refresh(path), lambda: attach(path), lambda: difference(path, path)]
    for job in jobs:
        message = ""
        try:
            job()
        except BadArgumentError as exc:  # not every job reads every part
            message = str(exc)
        assert not message or "save it" in message
        refused += bool(message)
    assert refused
    if part != "[Content_Types].xml":
        assert path.read_bytes() == before


def test_a_pin_that_no_cell_can_hold_is_a_sentence(home: Path) -> None:
    pins: list[Any] = [10**400, float("inf"), [[1, 2], [3, 4]], {}, b"x"]
    for pin in pins:
        answer = evaluate("RUSSELL_BETA", ["inflation"], pin)
        assert answer.message is not None
        assert "RUSSELL_PIN" in answer.message
        assert "Unexpected" not in answer.message


def test_a_damaged_download_is_a_sentence(home: Path, tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", {f"A{r}": f'=RUSSELL_BETA("oil")+{r * 7919 % 1000}' for r in range(1, 400)})
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("xl/worksheets/sheet1.xml").header_offset
    data = bytearray(path.read_bytes())
    for k in range(60, 200):
        data[start + k] ^= 0x5A
    path.write_bytes(data)
    for job in (lambda: refresh(path), lambda: attach(path)):
        with pytest.raises(BadArgumentError, match="is damaged"):
            job()
    assert cli.main(["data", "load", str(path)]) == 1


# Ended at any moment.


@pytest.mark.libreoffice
@pytest.mark.skipif(
    sys.platform == "win32", reason="a process group is ended by a POSIX signal; Windows has a job object"
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_office_outlives_us(office: Office, home: Path, tmp_path: Path, number: signal.Signals) -> None:
    """A refresh ended while LibreOffice starts, works or ends leaves neither the office nor its folder."""
    assert office
    path = book(tmp_path / "b.xlsx", {"A1": '=RUSSELL_BETA("oil")', "B1": '=PROPER("abc")'}, "x")
    spool = tmp_path / "spool"
    spool.mkdir()
    environment = {**os.environ, "TMPDIR": str(spool)}
    for wait in (0.6, 0.9, 1.2, 1.6):
        running = subprocess.Popen(
            [sys.executable, "-m", "xl_smallcap", "workbook", "refresh", str(path)], env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(wait)
        running.send_signal(number)
        running.wait(30)
    end = time.monotonic() + 20
    while time.monotonic() < end and offices_of(spool):
        time.sleep(0.2)
    assert offices_of(spool) == []
    command = [sys.executable, "-m", "xl_smallcap", "workbook", "refresh", str(path)]
    subprocess.run(
        command, env=environment, check=False, capture_output=True
    )  # the next one sweeps what was begun only
    assert list(spool.glob("xl_smallcap_office_*")) == []


def offices_of(spool: Path) -> list[int]:
    pids = []
    for entry in Path("/proc").iterdir():
        try:
            if str(spool).encode() in (entry / "cmdline").read_bytes():
                pids.append(int(entry.name))
        except (OSError, ValueError):
            continue
    return pids
