"""Regenerate the LibreOffice interface (xl_smallcap.idl, xl_smallcap.rdb) from the function table.

Needs libreoffice-dev (unoidl-write). Run ``python -m tools.build_libreoffice`` after changing a function's
arguments; a test compares the committed files with the table.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from xl_smallcap.hosts.libreoffice.package import idl

FOLDER = Path(__file__).parents[1] / "xl_smallcap" / "hosts" / "libreoffice"
PROGRAM = Path("/usr/lib/libreoffice")


def compile_idl(text: str) -> bytes:
    """Compile an interface to a type library. The .rdb file."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "xl_smallcap.idl", Path(folder) / "xl_smallcap.rdb"
        source.write_text(text, encoding="utf-8")
        subprocess.run(
            [
                str(PROGRAM / "sdk" / "bin" / "unoidl-write"),
                str(PROGRAM / "program" / "types.rdb"),
                str(PROGRAM / "program" / "types" / "offapi.rdb"),
                str(source),
                str(out),
            ],
            check=True,
        )
        return out.read_bytes()


def main() -> None:
    """Write both files."""
    text = idl()
    (FOLDER / "xl_smallcap.idl").write_text(text, encoding="utf-8", newline="\n")
    (FOLDER / "xl_smallcap.rdb").write_bytes(compile_idl(text))


if __name__ == "__main__":
    main()
