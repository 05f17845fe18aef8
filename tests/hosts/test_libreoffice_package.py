"""What is generated for LibreOffice is what the table says."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import zipfile
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree

import pytest

from xl_smallcap.functions import FUNCTIONS
from xl_smallcap.hosts.libreoffice.package import idl, install, method_name, oxt
from xl_smallcap.office.office import Office, OfficeMissingError

HERE = resources.files("xl_smallcap.hosts.libreoffice")
READ = Path("/usr/lib/libreoffice/sdk/bin/unoidl-read")


def test_the_interface_is_up_to_date() -> None:
    assert HERE.joinpath("xl_smallcap.idl").read_text(encoding="utf-8") == idl(), (
        "run python -m tools.build_libreoffice"
    )
    rdb = HERE.joinpath("xl_smallcap.rdb").read_bytes()
    for f in FUNCTIONS:
        assert method_name(f.name).encode() in rdb


@pytest.mark.skipif(not READ.exists(), reason="libreoffice-dev (unoidl-read) is not installed")
def test_the_type_library_is_up_to_date(tmp_path: Path) -> None:
    from tools.build_libreoffice import compile_idl

    def text(rdb: bytes, name: str) -> str:
        path = tmp_path / name
        path.write_bytes(rdb)
        types = "/usr/lib/libreoffice/program/types.rdb"
        done = subprocess.run([str(READ), types, str(path)], capture_output=True, text=True, check=True, timeout=60)
        assert "russellBeta" in done.stdout
        return done.stdout

    assert text(HERE.joinpath("xl_smallcap.rdb").read_bytes(), "a.rdb") == text(compile_idl(idl()), "b.rdb")


def test_the_extension(tmp_path: Path) -> None:
    content = oxt(tmp_path, "python")
    assert content == oxt(tmp_path, "python"), "the same inputs give the same bytes"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        for name in ("META-INF/manifest.xml", "description.xml", "CalcAddIns.xcu"):
            ElementTree.fromstring(archive.read(name))  # noqa: S314 - our own XML
        manifest = archive.read("META-INF/manifest.xml").decode()
        for name in ("xl_smallcap.rdb", "addin.py", "CalcAddIns.xcu"):
            assert f'full-path="{name}"' in manifest
            assert name in archive.namelist()
        table = json.loads(archive.read("functions.json"))
        shared = zipfile.ZipFile(io.BytesIO(oxt(None, "python"))).read("settings.json")
    assert [t["name"] for t in table] == [f.name for f in FUNCTIONS]
    assert json.loads(shared)["home"] == "", "a package for many users names nobody's home"


def test_written_to_a_file(tmp_path: Path) -> None:
    lines = install(tmp_path / "own.oxt")
    assert "Tools > Extensions" in lines[0]
    assert zipfile.is_zipfile(tmp_path / "own.oxt")


@pytest.mark.libreoffice
def test_installed_into_a_profile_and_found_by_a_fresh_office(office: Office, tmp_path: Path) -> None:
    assert office
    profile = tmp_path / "profile"
    install(profile=profile)
    with Office(profile=profile) as fresh:
        sheet = fresh.do("new")
        fresh.do("type", sheet, 0, "A1:A1", [['=RUSSELL_BETA("inflation")']])
        (row,) = fresh.do("read", sheet, 0, "A1:A1")
        assert isinstance(row[0], float)


@pytest.mark.libreoffice
def test_without_a_python_that_works_cells_are_na_and_why_says_so(office: Office, tmp_path: Path) -> None:
    from xl_smallcap.hosts.libreoffice.package import package_files

    assert office
    files = package_files(tmp_path / "nobody", "/nowhere/python")
    environment = {"XL_SMALLCAP_HOME": str(tmp_path / "nobody"), "XL_SMALLCAP_PYTHON": "/nowhere/python"}
    with Office(extension=files, environment=environment) as broken:
        sheet = broken.do("new")
        block = [['=RUSSELL_BETA("inflation")']] * 200 + [["=RUSSELL_WHY()"]]
        broken.do("type", sheet, 0, "A1:A201", block, seconds=30)
        shown = [row[0] for row in broken.do("read", sheet, 0, "A1:A201")]
    assert all(v == {"error": "#N/A"} for v in shown[:200])
    assert "cannot be reached" in shown[200]
    assert "xl-smallcap doctor" in shown[200]


def test_a_missing_or_old_office_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XL_SMALLCAP_SOFFICE", str(tmp_path / "none"))
    with pytest.raises(OfficeMissingError, match="does not exist"):
        Office()
    old = tmp_path / "soffice"
    old.write_text("#!/bin/sh\necho 'LibreOffice 7.4.7.2 40(Build:2)'\n")
    old.chmod(0o755)
    if shutil.which("sh"):
        monkeypatch.setenv("XL_SMALLCAP_SOFFICE", str(old))
        with pytest.raises(OfficeMissingError, match=r"25\.2 or later is needed.*7\.4\.7"):
            Office()
