"""A workbook opened in LibreOffice shows one snapshot: that of the data in use, or the one it is pinned to."""

from __future__ import annotations

import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.conftest import started_office
from xl_smallcap.config import load_settings
from xl_smallcap.data.series import SeriesData
from xl_smallcap.data.store import Store
from xl_smallcap.functions import RUSSELL_BETA, RUSSELL_BETAS
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session, use_session

SCALARS = [['=RUSSELL_BETA("inflation")', "=RUSSELL_SNAPSHOT()", "=A1*2"]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sample_home: Path) -> Path:
    """A home with two snapshots."""
    made = tmp_path_factory.mktemp("opening") / "home"
    shutil.copytree(sample_home / "store", made / "store")
    return made


@pytest.fixture(scope="module")
def calc(home: Path) -> Iterator[Office]:
    with started_office(home) as opened:
        yield opened


@pytest.fixture(scope="module")
def snapshots(home: Path) -> dict[str, str]:
    store = Store(home / "store")
    original = store.open()
    series = {n: original.series(n) for n in original.ids}
    other = {**series, "T5YIE": SeriesData.build(series["T5YIE"].dates, series["T5YIE"].values[::-1])}
    return {"A": original.fingerprint, "B": store.add(other, source="sample", synthetic=True).fingerprint}


def expected(home: Path, fingerprint: str) -> tuple[list[float], float, str]:
    Store(home / "store").use(fingerprint)
    session = Session(load_settings(home))
    use_session(session)
    table = RUSSELL_BETAS()
    answers = [row[1] for row in table[1:6]], RUSSELL_BETA("inflation"), session.snapshot.fingerprint
    use_session(None)
    return answers  # type: ignore[return-value]


def shown(office: Office, path: Path, hidden: bool = True) -> tuple[list[Any], Any, str, Any, bool]:
    time.sleep(1.0)  # within which a server looks at CURRENT again
    document = office.do("open", str(path), hidden)
    array = [row[0] for row in office.do("read", document, "Sheet1", "B4:B8")]
    (beta, snapshot, twice), *_ = office.do("read", document, "Sheet1", "A1:C1")
    changed = office.do("modified", document)
    office.do("close", document)
    return array, beta, snapshot, twice, changed


def book(office: Office, path: Path, pin: str = "") -> None:
    document = office.do("new")
    if pin:
        office.do("pin", document, f'"{pin}"')
    office.do("type", document, "Sheet1", "A1:C1", SCALARS)
    office.do("type_array", document, "Sheet1", "A3:B8", "=RUSSELL_BETAS()")
    office.do("recalculate", document)
    office.do("save", document, str(path), path.suffix[1:])
    office.do("close", document)


@pytest.mark.libreoffice
@pytest.mark.parametrize("kind", ["xlsx", "ods"])
def test_all_of_a_book_follows_the_data_in_use(
    calc: Office, home: Path, snapshots: dict[str, str], tmp_path: Path, kind: str
) -> None:
    a, b = (expected(home, snapshots[k]) for k in "AB")
    assert a[0][1] != b[0][1]
    Store(home / "store").use(snapshots["A"])
    path = tmp_path / f"book.{kind}"
    book(calc, path)
    for use, want in (("A", a), ("B", b), ("A", a)):
        Store(home / "store").use(snapshots[use])
        array, beta, snapshot, twice, changed = shown(calc, path, hidden=use == "A")
        assert array == pytest.approx(want[0], rel=1e-12)
        assert beta == pytest.approx(want[1], rel=1e-12)
        assert snapshot.split()[-1] == want[2]
        assert twice == pytest.approx(2 * want[1], rel=1e-12), "what depends on it follows"
        assert not changed, "closing asks nobody to save"


@pytest.mark.libreoffice
def test_a_pinned_book_stays_or_says_why_not(
    calc: Office, home: Path, snapshots: dict[str, str], tmp_path: Path
) -> None:
    a = expected(home, snapshots["A"])
    path = tmp_path / "pinned.xlsx"
    book(calc, path, snapshots["A"])
    Store(home / "store").use(snapshots["B"])
    array, beta, snapshot, twice, _ = shown(calc, path)
    assert array == pytest.approx(a[0])
    assert [beta, twice] == pytest.approx([a[1], 2 * a[1]])
    assert snapshot.split()[-1] == a[2]
    # the same book at a colleague's, who has not got the snapshot
    lost = tmp_path / "lost.xlsx"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(lost, "w") as out:
        for item in archive.namelist():
            out.writestr(item, archive.read(item).replace(snapshots["A"].encode(), b"0123456789ab"))
    array, beta, snapshot, twice, _ = shown(calc, lost)
    assert [*array, beta, snapshot, twice] == [{"error": "#N/A"}] * 8, "no number of another snapshot, stored or new"
    document = calc.do("open", str(lost))
    calc.do("type", document, "Sheet1", "E1", [["=RUSSELL_WHY(FORMULA(A1))"]])
    assert "RUSSELL_PIN" in calc.do("read", document, "Sheet1", "E1")[0][0]
    calc.do("close", document)


@pytest.mark.libreoffice
def test_a_book_without_our_functions_is_left_alone(calc: Office, tmp_path: Path) -> None:
    """Somebody's heavy model is not calculated because our add-in is there: its stored values stay."""
    made = openpyxl.Workbook()
    assert made.active is not None
    made.active.title = "Sheet1"
    made.active["A1"] = "=1+1"
    path, marked = tmp_path / "other.xlsx", tmp_path / "marked.xlsx"
    made.save(path)
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(marked, "w") as out:
        for item in archive.namelist():
            content = archive.read(item)
            if item.endswith("sheet1.xml"):
                assert b"<v></v>" in content or b"<v/>" in content or b"<v />" in content
                for empty in (b"<v></v>", b"<v/>", b"<v />"):
                    content = content.replace(empty, b"<v>99</v>")
            out.writestr(item, content)
    document = calc.do("open", str(marked))
    assert calc.do("read", document, "Sheet1", "A1") == [[99.0]]
    calc.do("close", document)
