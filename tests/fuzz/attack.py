"""What is tried, and what counts as a fault: an exception that is not ours, or a sentence with "Unexpected" in it."""

from __future__ import annotations

import io
import os
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xlsxwriter

from xl_smallcap.config import load_settings
from xl_smallcap.data.catalogue import load_catalogue
from xl_smallcap.data.loading import load
from xl_smallcap.data.scenarios import load_scenarios
from xl_smallcap.data.store import Store
from xl_smallcap.errors import XlSmallcapError
from xl_smallcap.functions import FUNCTIONS
from xl_smallcap.functions.cells import evaluate, to_json
from xl_smallcap.functions.formula import find_calls, near_miss, parse_call
from xl_smallcap.hosts.excel.attach import attach
from xl_smallcap.session import Session, use_session
from xl_smallcap.workbooks.foreign.refresh import refresh_workbook

Generator = np.random.Generator
WORDS = [
    "inflation", "growth", "easing", "russell", "relative", "hedged", "all", "tstat", "250", "104w", "60m", "pls:3",
    "goldman", "ratio", "leveraged", "stock:RF", "2025-12-24", "1900-01-01", "=1+1", "#N/A", "", " ", "\x00", "é", "😀",
    "x" * 300, "nan", "inf", "-1", "1e308", "TRUE", "'", '"', "{", "[1]", "../..", "CON", "%s", "{0}",
]  # fmt: skip
NUMBERS = [0.0, 1.0, -1.0, 250.0, 1e-300, 1e300, float("nan"), float("inf"), 46022.0, 2**53, 10**400, True, None]
PIECES = [
    "RUSSELL_BETA", "RUSSELL_BETAS", "RUSSEL_BETA", "(", ")", ",", ";", '"', "inflation", "{", "}", "+", "A1", "A1:B9",
    "'S'!A1", "[1]Other!A1", "@", "_xll.", "#REF!", "1", ".5", "%", " ", "\n", "IF", "SUM", "é", "a.xls!", "$", "^",
]  # fmt: skip
_SECONDS = 20.0
"""One input that takes longer counts as a hang."""


def _value(rng: Generator, depth: int = 0) -> Any:
    kind = rng.integers(0, 8 if depth < 2 else 6)
    if kind < 3:
        return WORDS[rng.integers(len(WORDS))]
    if kind < 6:
        return NUMBERS[rng.integers(len(NUMBERS))]
    rows = [[_value(rng, depth + 1) for _ in range(rng.integers(0, 4))] for _ in range(rng.integers(0, 4))]
    return rows if kind == 6 else [cell for row in rows for cell in row]


def _call(rng: Generator, folder: Path) -> None:
    entry = FUNCTIONS[int(rng.integers(len(FUNCTIONS)))]
    given = [_value(rng) for _ in range(rng.integers(0, len(entry.parameters) + 2))]
    pin = _value(rng) if rng.random() < 0.05 else None
    answer = evaluate(entry.name, given, pin)
    to_json(answer)
    if "Unexpected" in str(answer.message):
        raise AssertionError(f"{entry.name}({given!r}): {answer.message}")


def _formula(rng: Generator, folder: Path) -> None:
    text = "".join(PIECES[rng.integers(len(PIECES))] for _ in range(rng.integers(1, 40)))
    names = [f.name for f in FUNCTIONS]
    near_miss(text, names, short=True)
    for read in (find_calls, lambda t: parse_call(t, names)):
        try:
            read(text)
        except XlSmallcapError:
            continue
    answer = evaluate("RUSSELL_WHY", [text])
    if "Unexpected" in str(answer.message):
        raise AssertionError(f"RUSSELL_WHY({text!r}): {answer.message}")


def _spoilt(rng: Generator, raw: bytes) -> bytes:
    """Bytes with some of them changed, taken away, doubled, or put in from elsewhere."""
    data = bytearray(raw)
    for _ in range(rng.integers(1, 8)):
        start, size = int(rng.integers(0, len(data) + 1)), int(rng.integers(1, 40))
        how = rng.integers(0, 5)
        if how == 0:
            data[start : start + size] = rng.integers(0, 256, size, dtype=np.uint8).tobytes()
        elif how == 1:
            del data[start : start + size]
        elif how == 2:
            data[start:start] = data[start : start + size]
        elif how == 3:
            data[start:start] = WORDS[rng.integers(len(WORDS))].encode("utf-8", "replace")
        else:
            data = data[:start] or data
    return bytes(data)


def _csv(rng: Generator, folder: Path) -> None:
    columns = [WORDS[rng.integers(len(WORDS))] for _ in range(rng.integers(1, 5))]
    days = np.datetime64("2025-01-01") + np.arange(rng.integers(0, 60))
    lines = [",".join(["date", *columns])]
    lines += [",".join([str(d), *(str(_value(rng, 2)) for _ in columns)]) for d in days]
    raw = "\n".join(lines).encode("utf-8", "replace")
    own = folder / "own"
    own.mkdir(exist_ok=True)
    (own / "x.csv").write_bytes(_spoilt(rng, raw) if rng.random() < 0.7 else raw)
    load(Store(folder / "csv store"), str(own), lambda *_: None, make_current=False)


def _toml(rng: Generator, folder: Path) -> None:
    raw = b"""schema = 1
[paths.mine]
label = "Mine"
months = 6
[paths.mine.growth]
total = 5.0
unit = "pct"
"""
    home = folder / "toml"
    home.mkdir(exist_ok=True)
    for name, read in (
        ("config.toml", lambda: load_settings(home)),
        ("catalogue.toml", lambda: load_catalogue(home / "catalogue.toml")),
        ("scenarios.toml", lambda: load_scenarios(home / "scenarios.toml", {"growth": "pct"})),
    ):
        (home / name).write_bytes(_spoilt(rng, raw if name != "config.toml" else b"seed = 7\nconfidence = 0.9\n"))
        try:
            read()
        except XlSmallcapError:
            continue
        finally:
            (home / name).unlink()


def _book(rng: Generator, folder: Path) -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    sheet = book.add_worksheet("S")
    for row in range(rng.integers(1, 6)):
        text = "".join(PIECES[rng.integers(len(PIECES))] for _ in range(rng.integers(1, 12)))
        sheet.write_formula(row, 0, f'=RUSSELL_BETA("oil")+{text}' if rng.random() < 0.5 else f"={text}", None, 0.5)
    sheet.write_formula(9, 0, '=RUSSELL_BETA("oil")', None, 0.5)
    book.close()
    raw = out.getvalue()
    if rng.random() < 0.5:  # spoil one part and zip it again, so that it is read
        parts = {}
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            parts = {n: archive.read(n) for n in archive.namelist()}
        name = list(parts)[rng.integers(len(parts))]
        parts[name] = _spoilt(rng, parts[name])
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for key, content in parts.items():
                archive.writestr(key, content)
        raw = out.getvalue()
    elif rng.random() < 0.5:
        raw = _spoilt(rng, raw)
    path = folder / "b.xlsx"
    path.write_bytes(raw)
    try:
        refresh_workbook(path, None, None, lambda *_: None, keep=bool(rng.random() < 0.3))
        if path.read_bytes() != raw:  # a part that is damaged, not needed and not written stays as it was
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None, "what was written is whole"
    except XlSmallcapError:
        assert path.read_bytes() == raw, "refused and changed"
    path.write_bytes(raw)
    try:
        attach(path)
    finally:
        path.with_suffix(".xlsm").unlink(missing_ok=True)


KINDS: dict[str, tuple[Callable[[Generator, Path], None], int]] = {
    "calls": (_call, 12), "formula texts": (_formula, 12), "CSV files": (_csv, 2), "TOML files": (_toml, 4),
    "workbooks": (_book, 1),
}  # fmt: skip
"""What is tried, and how often beside the others."""


def attack(folder: Path, seed: int, *, seconds: float) -> tuple[Counter[str], list[str]]:
    """Try inputs for some time, without LibreOffice, on the sample in a home of one's own.

    counts: inputs tried by kind; faults: what left as anything but an answer or a sentence, or took too long.
    """
    rng, counts, faults = np.random.default_rng(seed), Counter[str](), list[str]()
    before = {k: os.environ.get(k) for k in ("XL_SMALLCAP_SOFFICE", "XL_SMALLCAP_HOME")}
    os.environ["XL_SMALLCAP_SOFFICE"] = str(folder / "nowhere")
    os.environ["XL_SMALLCAP_HOME"] = str(folder / "home")
    load(Store(folder / "home" / "store"), "sample", lambda *_: None)
    use_session(Session(load_settings(folder / "home")))
    rounds = [kind for kind, (_, often) in KINDS.items() for _ in range(often)]
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            kind = rounds[rng.integers(len(rounds))]
            began = time.monotonic()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    KINDS[kind][0](rng, folder)
            except XlSmallcapError:
                pass  # a sentence
            except Exception:
                faults.append(f"{kind}, input {counts[kind]}, seed {seed}:\n{traceback.format_exc()}")
            if time.monotonic() - began > _SECONDS:
                faults.append(f"{kind}, input {counts[kind]}, seed {seed}: {time.monotonic() - began:.0f} seconds")
            counts[kind] += 1
    finally:
        use_session(None)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    return counts, faults
