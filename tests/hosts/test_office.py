"""The office that is started for a job: it ends with it, whatever happens, and what does not start is a sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import pytest
import xlsxwriter

from tests.conftest import started_office
from xl_smallcap.office import office as module
from xl_smallcap.office.office import Office, OfficeMissingError
from xl_smallcap.session import Session
from xl_smallcap.workbooks.foreign.refresh import refresh_workbook

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and /proc of other systems")


def alive(folder: Path) -> list[str]:
    """Command lines of processes that name a folder."""
    commands = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = place.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(folder) in text:
            commands.append(text)
    return commands


def left_over(folder: Path) -> list[str]:
    """What is still there of a job whose temporary files are in a folder, after a moment."""
    for _ in range(100):
        leftovers = [*alive(folder), *(str(p) for p in folder.glob("xl_smallcap_office_*"))]
        if not leftovers:
            break
        time.sleep(0.1)
    return leftovers


def many(path: Path) -> Path:
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("S")
    for i in range(2_000):
        sheet.write_number(i, 0, 44_000 + i)
        sheet.write_formula(i, 1, f'=RUSSELL_BETA("oil","relative",,250,A{i + 1})', None, 1.0)
    sheet.write_formula("C1", "=SUMPRODUCT(B1:B9)", None, 1.0)
    book.close()
    return path


@pytest.mark.libreoffice
def test_another_environment_first_on_the_path(
    sample_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where somebody has activated theirs and calls ours by its full path."""
    venv.create(tmp_path / "theirs", symlinks=True)
    monkeypatch.setenv("PATH", f"{tmp_path / 'theirs' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    with started_office(sample_home) as office:
        sheet = office.do("new")
        office.do("type", sheet, 0, "A1:A1", [['=RUSSELL_BETA("oil")']])
        assert isinstance(office.do("read", sheet, 0, "A1:A1")[0][0], float)


@pytest.mark.libreoffice
@pytest.mark.parametrize("seconds", [0.9, 1.6])
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_everything(office: Office, session: Session, tmp_path: Path, seconds: float, times: int) -> None:
    """As a terminal does: the signal goes to the whole group."""
    assert office
    temporary = tmp_path / "t"
    temporary.mkdir()
    environment = {**os.environ, "XL_SMALLCAP_HOME": str(session.settings.home), "TMPDIR": str(temporary)}
    path = many(tmp_path / "b.xlsx")
    before = path.read_bytes()
    run = subprocess.Popen(
        [sys.executable, "-m", "xl_smallcap", "workbook", "refresh", str(path)],
        env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(seconds)
    began = time.monotonic()
    for _ in range(times):
        os.killpg(run.pid, signal.SIGINT)
        time.sleep(0.3)
    run.wait(60)
    assert time.monotonic() - began < 14, "it does not wait for an office that cannot answer"
    assert left_over(temporary) == []
    assert path.read_bytes() == before


@pytest.mark.libreoffice
def test_an_office_goes_where_its_owner_is_gone(office: Office, tmp_path: Path) -> None:
    """Killed without a chance to clean up: the driver sees the end of its input and ends the office."""
    assert office
    code = (
        "import time; from xl_smallcap.office.office import Office\n"
        "with Office(): print('ready', flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "ready\n"
    assert alive(tmp_path)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    for _ in range(100):
        if not alive(tmp_path):
            break
        time.sleep(0.1)
    assert alive(tmp_path) == []


def fake(path: Path, rest: str) -> Path:
    path.write_text(f"#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'LibreOffice 25.2.3.2'; exit 0; fi\n{rest}\n")
    path.chmod(0o755)
    return path


@pytest.mark.timeout(30)
def test_one_that_dies_while_it_starts_is_noticed_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XL_SMALLCAP_SOFFICE", str(fake(tmp_path / "soffice", "exit 1")))
    monkeypatch.setattr(module, "find_python", lambda soffice: Path(sys.executable))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OfficeMissingError, match="did not start"), Office():
        pass


def test_one_that_cannot_be_run_is_a_sentence_and_the_rest_is_refreshed(
    session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "soffice"
    broken.write_text("#!/nowhere/sh\n")
    broken.chmod(0o755)
    monkeypatch.setenv("XL_SMALLCAP_SOFFICE", str(broken))
    with pytest.raises(OfficeMissingError, match="cannot be run"):
        Office()
    path = tmp_path / "b.xlsx"
    book = xlsxwriter.Workbook(str(path))
    book.add_worksheet("S").write_formula("A1", '=RUSSELL_BETA("oil")', None, 1.0)
    book.worksheets()[0].write_formula("A2", "=NPV(0.1,A1)", None, 1.0)
    book.close()
    done = refresh_workbook(path, None, None, lambda *_: None)
    assert done.changed >= 1
    assert any("cannot be run" in line for line in done.told)


def test_what_was_started_ends_where_the_rest_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XL_SMALLCAP_SOFFICE", str(fake(tmp_path / "soffice", f"exec sleep 60 {tmp_path}")))
    monkeypatch.setattr(module, "find_python", lambda soffice: tmp_path / "no python")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OfficeMissingError, match="cannot be started"):
        Office()
    assert left_over(tmp_path) == []
