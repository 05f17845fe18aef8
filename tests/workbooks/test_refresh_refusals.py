"""What is no workbook, damaged, or open elsewhere is refused in a sentence, and stays as it was."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest

from tests.workbooks.test_refresh import book, parts, refresh
from xl_smallcap.errors import BadArgumentError, NoDataError
from xl_smallcap.session import Session


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an old .xls workbook"),
        ("locked.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "has a password"),
        ("sheet.ods", b"PK\x03\x04", "OpenDocument"),
        ("binary.xlsb", b"PK\x03\x04", "binary .xlsb"),
        ("plain.csv", b"a,b", "plain text"),
        ("notes.txt", b"hello", "no .xlsx or .xlsm"),
        ("broken.xlsx", b"PK\x03\x04" + bytes(100), "damaged"),
        ("empty.xlsx", b"", "no .xlsx or .xlsm"),
    ],
)
def test_what_is_no_workbook_is_refused_and_stays(
    session: Session, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadArgumentError, match=re.escape(says)) as caught:
        refresh(tmp_path / name)
    assert str(caught.value).endswith(".")
    assert (tmp_path / name).read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_damage_inside_is_refused_and_nothing_is_lost(session: Session, tmp_path: Path) -> None:
    good = book(tmp_path / "good.xlsx", {"A1": "=RUSSELL_ASOF()"}).read_bytes()
    cut = tmp_path / "cut.xlsx"
    cut.write_bytes(good[: len(good) // 2])
    with pytest.raises(BadArgumentError, match="damaged"):
        refresh(cut)
    flipped = bytearray(good)
    start = good.index(b"xl/worksheets/sheet1.xml") + 60
    flipped[start : start + 20] = bytes(20)
    cut.write_bytes(flipped)
    with pytest.raises(BadArgumentError, match="damaged"):
        refresh(cut)
    assert cut.read_bytes() == flipped
    for change, says in ((b"</row>", "damaged"), (None, "holds no workbook")):
        data = parts(tmp_path / "good.xlsx")
        if change:
            data["xl/worksheets/sheet1.xml"] = data["xl/worksheets/sheet1.xml"].replace(change, b"")
        else:
            del data["_rels/.rels"]
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in data.items():
                archive.writestr(name, content)
        cut.write_bytes(out.getvalue())
        with pytest.raises(BadArgumentError, match=says):
            refresh(cut)
    with pytest.raises(NoDataError, match="There is no workbook"):
        refresh(tmp_path / "missing.xlsx")


def test_a_workbook_that_is_open_is_not_replaced(session: Session, tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", {"A1": "=RUSSELL_ASOF()"})
    before = path.read_bytes()
    for mark, program in (("~$b.xlsx", "Excel"), (".~lock.b.xlsx#", "LibreOffice")):
        (tmp_path / mark).write_text("somebody")
        with pytest.raises(NoDataError, match=f"open in {program}"):
            refresh(path)
        done = refresh(path, tmp_path / f"{program}.xlsx")
        assert done.path.is_file()
        (tmp_path / mark).unlink()
    assert path.read_bytes() == before
