"""Our own workbooks through our own commands: a refresh of what we wrote changes nothing; inputs are told from data."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from xl_smallcap.errors import BadArgumentError
from xl_smallcap.office.office import Office
from xl_smallcap.session import Session
from xl_smallcap.workbooks.book import build_workbook
from xl_smallcap.workbooks.foreign.difference import difference
from xl_smallcap.workbooks.foreign.refresh import refresh_workbook
from xl_smallcap.workbooks.pitch_sheet import Prints, make_pitch, pitch_bytes
from xl_smallcap.workbooks.sheets.inputs import PitchOptions

pytestmark = pytest.mark.filterwarnings("ignore:.*xtension is not supported")


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


@pytest.mark.libreoffice
def test_a_refresh_of_the_shipped_workbook_and_a_pitch_sheet_changes_nothing(
    office: Office, session: Session, tmp_path: Path
) -> None:
    assert office
    book = build_workbook(tmp_path / "book.xlsx")
    make_pitch(PitchOptions(), "2025-06-30", tmp_path / "pitch.xlsx", Prints(), quiet)
    for path in (book, tmp_path / "pitch.xlsx"):
        shutil.copy(path, tmp_path / "before.xlsx")
        done = refresh_workbook(path, None, None, quiet)
        assert not done.kept
        assert not done.told
        assert done.changed == 0
        table = difference(tmp_path / "before.xlsx", path).table
        assert table[1:] == []


def test_another_path_is_an_input_and_a_blank_day_is_no_data(session: Session, tmp_path: Path) -> None:
    one, two = tmp_path / "one.xlsx", tmp_path / "two.xlsx"
    make_pitch(PitchOptions(), "2025-06-30", one, Prints(), quiet)
    make_pitch(PitchOptions(path="growth_disappoints"), "2025-06-30", two, Prints(), quiet)
    report = difference(one, two)
    assert any("in_path, growth_low_inflation before, growth_disappoints after" in line for line in report.told)
    assert {r[-1] for r in report.table[1:]} == {"inputs"}
    make_pitch(PitchOptions(), "2025-12-31", one, Prints(), quiet)
    data, _ = pitch_bytes(PitchOptions(), None, quiet)
    two.write_bytes(data)
    assert {r[-1] for r in difference(two, one).table[1:]} <= {"window"}


def test_two_paths_that_are_one_and_a_folder_for_a_pdf_are_refused(session: Session, tmp_path: Path) -> None:
    with pytest.raises(BadArgumentError, match="two paths are one"):
        make_pitch(
            PitchOptions(path="goldman", against="growth_low_inflation"), None, tmp_path / "p.xlsx", Prints(), quiet
        )
    with pytest.raises(BadArgumentError, match="Nothing was written"):
        make_pitch(PitchOptions(), None, tmp_path / "p.xlsx", Prints(tmp_path), quiet)
    assert not (tmp_path / "p.xlsx").exists()
