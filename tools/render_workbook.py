"""Render a sheet of the shipped workbook to docs/images, recalculated in LibreOffice on the embedded sample.

Needs LibreOffice 25.2 and pdftoppm (poppler-utils). Run ``python -m tools.render_workbook``, then look at the picture.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.hosts.libreoffice.office import Office
from xl_smallcap.hosts.libreoffice.package import package_files

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Write docs/images/workbook.png from the first page of the workbook."""
    with tempfile.TemporaryDirectory() as folder:
        home, pdf = Path(folder) / "home", Path(folder) / "book.pdf"
        os.environ["XL_SMALLCAP_HOME"] = str(home)
        load(Store(home / "store"), "sample", lambda *_: None)
        with Office(extension=package_files(home), environment={"XL_SMALLCAP_HOME": str(home)}) as office:
            opened = office.do("open", str(ROOT / "workbook" / "xl_smallcap.xlsx"))
            office.do("recalculate", opened)
            office.do("save", opened, str(pdf), "pdf")
        target = ROOT / "docs" / "images" / "workbook"
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["pdftoppm", "-r", "110", "-f", "1", "-l", "1", "-singlefile", "-png", str(pdf), str(target)], check=True
        )


if __name__ == "__main__":
    main()
