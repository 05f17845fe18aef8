"""One way to write a file: whole or not at all, where a file can be, and never over what somebody saved."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import independent_stocks
from xl_smallcap import cli
from xl_smallcap.config import load_settings
from xl_smallcap.data.atomic import csv_bytes, digest_of, write_atomic
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, SavedMeanwhileError, StoreError
from xl_smallcap.functions import cells
from xl_smallcap.hosts import server
from xl_smallcap.session import Session, current_session, use_session
from xl_smallcap.workbooks import book, pitch_sheet

Capture = pytest.CaptureFixture[str]
posix = pytest.mark.skipif(sys.platform == "win32", reason="rights, pipes and devices of POSIX")


@pytest.fixture
def home(sample_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    made = tmp_path / "home"
    monkeypatch.setenv("XL_SMALLCAP_HOME", str(made))
    shutil.copytree(sample_store, made / "store")
    use_session(Session(load_settings(made)))
    yield made
    use_session(None)


def outputs(out: Path) -> list[list[str]]:
    """Every command that writes a file where it is told to."""
    return [
        ["panel", "--out", str(out)],
        ["fair-value", "backtest", "--out", str(out)],
        ["universe", "--out", str(out)],
        ["workbook", "build", "--out", str(out)],
        ["pitch", "--out", str(out)],
        ["libreoffice", "install", "--oxt", str(out)],
    ]


@pytest.mark.parametrize("k", range(6))
def test_every_output_keeps_the_old_file_where_the_disk_is_full(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, k: int
) -> None:
    ending = (".csv", ".csv", ".csv", ".xlsx", ".xlsx", ".oxt")[k]
    out = tmp_path / f"out{ending}"
    out.write_bytes(b"what was there")
    real = os.fsync

    def full(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").readlink().parent == tmp_path:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    # what would be in it does not matter here
    monkeypatch.setattr(book, "workbook_bytes", lambda **_: b"a workbook")
    monkeypatch.setattr(pitch_sheet, "pitch_bytes", lambda *_, **__: (b"a page", ()))
    assert cli.main(outputs(out)[k]) == 1
    said = capsys.readouterr().err
    assert out.read_bytes() == b"what was there"
    assert str(out) in said or out.name in said, said
    assert "No space left" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["home", out.name]), "nothing is left beside it"


@posix
@pytest.mark.parametrize("k", range(5))
def test_a_pipe_or_a_device_is_not_written_over(home: Path, tmp_path: Path, capsys: Capture, k: int) -> None:
    ending = (".csv", ".csv", ".csv", ".xlsx", ".xlsx")[k]
    pipe = tmp_path / f"pipe{ending}"
    os.mkfifo(pipe)
    assert cli.main(outputs(pipe)[k]) == 1
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert "a device or a pipe and no file" in capsys.readouterr().err
    folder = tmp_path / f"folder{ending}"
    folder.mkdir()
    assert cli.main(outputs(folder)[k]) == 1
    assert "is a folder" in capsys.readouterr().err


def test_a_read_only_file_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "kept.csv"
    path.write_bytes(b"kept")
    path.chmod(0o444)
    with pytest.raises(BadArgumentError, match=r"kept\.csv is read-only; take that off, or give another name\."):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"kept"


@contextlib.contextmanager
def another_account() -> Iterator[None]:
    """Us, without the right to read what is ours (root only; elsewhere there is nobody to become)."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("becoming another account needs root, as CI has; elsewhere there is nobody to become")
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("where", ["home", "store", "snapshots", "objects"])
def test_what_is_another_accounts_is_a_sentence(home: Path, where: str, capsys: Capture) -> None:
    shutil.rmtree(home)
    assert cli.main(["data", "load", "sample"]) == 0  # with the modes that a load gives
    use_session(None)
    assert cli.main(["call", 'RUSSELL_BETA("inflation")']) == 0  # what is imported late is imported now
    assert cli.main(["doctor"]) in (0, 1)
    capsys.readouterr()
    for folder in home.parents:
        if folder != Path(tempfile.gettempdir()) and folder.stat().st_uid == 0 and folder.stat().st_mode & 0o077 == 0:
            folder.chmod(0o711)
    store = home / "store"
    closed = {"home": home, "store": store, "snapshots": store / "snapshots", "objects": store / "objects"}
    for path in (*closed.values(), store / "CURRENT", *store.glob("snapshots/*.json")):
        path.chmod(0o755)  # all open, so that it is the one closed that is met
    closed[where].chmod(0o700)
    use_session(None)
    with another_account():
        assert cli.main(["call", 'RUSSELL_BETA("inflation")']) == 1
        assert cli.main(["doctor"]) == 1
        if where == "home":
            assert server.main() == 1
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert "may not be read by this account. It may be another person's: ask" in text, (said.out, said.err)
        assert "Traceback" not in text
    assert "data load FOLDER" not in said.out


def test_what_is_printed_is_a_pdf_only(home: Path, tmp_path: Path, capsys: Capture) -> None:
    kept = tmp_path / "thesis.docx"
    kept.write_bytes(b"my own")
    out = tmp_path / "p.xlsx"
    assert cli.main(["pitch", "--out", str(out), "--pdf", str(kept)]) == 1
    assert "thesis.docx does not end in .pdf" in capsys.readouterr().err
    assert kept.read_bytes() == b"my own"
    assert not out.exists(), "said before the work"


@posix
def test_a_file_keeps_its_rights_and_is_born_with_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "mine.csv"
    out.write_bytes(b"old")
    out.chmod(0o600)
    seen: list[int] = []
    real = os.open

    def watched(path: str, flags: int, mode: int = 0o777, **more: int) -> int:
        handle = real(path, flags, mode, **more)
        seen.append(stat.S_IMODE(os.fstat(handle).st_mode))
        return handle

    monkeypatch.setattr(os, "open", watched)
    write_atomic(out, b"new")
    assert seen == [0o600], "never readable by others, not for a moment"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    out.chmod(0o664)
    write_atomic(out, b"newer")
    assert stat.S_IMODE(out.stat().st_mode) == 0o664


@posix
def test_behind_a_link_it_is_the_file_that_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_bytes(b"old")
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "real.csv")
    write_atomic(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"new"
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(BadArgumentError, match="cannot be written"):
        write_atomic(tmp_path / "a", b"x")


def test_what_a_killed_writer_left_goes_after_a_day(tmp_path: Path) -> None:
    old, young, other = (tmp_path / f".{n}.tmp" for n in ("a[1].csv.77.abcd", "a[1].csv.78.abcd", "b.csv.79.abcd"))
    for left in (old, young, other):
        left.write_bytes(b"part")
    for left in (old, other):
        os.utime(left, (1e9, 1e9))
    write_atomic(tmp_path / "a[1].csv", b"whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([young.name, other.name, "a[1].csv"])


def test_what_was_saved_meanwhile_stays(tmp_path: Path) -> None:
    out = tmp_path / "book.xlsx"
    out.write_bytes(b"as read")
    write_atomic(out, b"ours", read_as=digest_of(b"as read"))
    assert out.read_bytes() == b"ours"
    with pytest.raises(SavedMeanwhileError, match=r"book\.xlsx was saved by somebody else"):
        write_atomic(out, b"ours again", read_as=digest_of(b"as read"))
    assert out.read_bytes() == b"ours"
    assert [p.name for p in tmp_path.iterdir()] == ["book.xlsx"]


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="Could not write"):
        write_atomic(tmp_path / "file" / "below.csv", b"x")


@posix
def test_home_store_cache_and_log_are_the_users_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(home)
    cli.main(["data", "load", "sample"])
    cli.main(["call", 'RUSSELL_BETA("oil")'])
    monkeypatch.setattr("xl_smallcap.functions.betas.analysis.fit", lambda *_: 1 / 0)
    session = current_session()
    session.clear()
    assert "ZeroDivisionError" in str(cells.evaluate("RUSSELL_BETA", ("oil", None, None, 111.0)).message)
    assert (home / "errors.log").exists()
    wrong = [
        (str(p.relative_to(home)), oct(stat.S_IMODE(p.stat().st_mode)))
        for p in [home, *home.rglob("*")]
        if stat.S_IMODE(p.stat().st_mode) & 0o077
    ]
    assert wrong == []


def test_a_log_that_cannot_be_written_is_no_second_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "errors.log").mkdir()
    monkeypatch.setattr("xl_smallcap.functions.betas.analysis.fit", lambda *_: 1 / 0)
    answer = cells.evaluate("RUSSELL_BETA", ("oil",))
    assert answer.code == "#VALUE!"
    assert "its details could not be written down" in str(answer.message)


def test_texts_of_the_data_are_no_formulas_in_a_csv(home: Path, tmp_path: Path) -> None:
    texts = ["=1+1", "+1", "-A1", "@SUM(A1)", "\tx", "plain", 'say "hi"', "a,b"]
    rows = list(csv.reader(io.StringIO(csv_bytes(["=h", "v"], [[t, -1.5] for t in texts]).decode())))
    assert rows[0] == ["'=h", "v"]
    assert [r[0] for r in rows[1:]] == ["'=1+1", "'+1", "'-A1", "'@SUM(A1)", "'\tx", "plain", 'say "hi"', "a,b"]
    assert {r[1] for r in rows[1:]} == {"-1.5"}, "numbers stay numbers"
    store = Store(home / "store")
    opened = store.open()
    held = opened.holdings_of(opened.holdings_entries[-1])
    assert independent_stocks.read("weights") is not None
    import dataclasses

    evil = dataclasses.replace(held, name=('=HYPERLINK("http://evil.example")', *held.name[1:]))
    entry = dataclasses.replace(opened.holdings_entries[-1], object=store.put(evil), as_of="2025-12-30")
    series = {n: opened.series(n) for n in opened.ids}
    made = store.add(
        series, source="sample", synthetic=True, prices=opened.prices_entry,
        holdings=[*opened.holdings_entries, entry],
    )  # fmt: skip
    store.use(made.fingerprint)
    use_session(Session(load_settings(home)))
    assert cli.main(["universe", "--out", str(tmp_path / "u.csv")]) == 0
    names = [r["name"] for r in csv.DictReader((tmp_path / "u.csv").read_text().splitlines())]
    assert not any(n.startswith(("=", "+", "-", "@")) for n in names)
