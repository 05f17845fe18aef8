"""Render every sheet of the shipped workbook to docs/images, recalculated in LibreOffice on the embedded sample.

Needs LibreOffice 25.2 and pdftoppm (poppler-utils). Run ``python -m tools.render_workbook``, then look at the pictures.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.functions.regimes import compute_regime_history
from xl_smallcap.hosts.libreoffice.package import package_files
from xl_smallcap.office.office import Office

ROOT = Path(__file__).parents[1]
_PAGES = {"Regimes": 2}
"""Sheets whose second page says something else than more of the first."""


def render(book: Path, home: Path, target: Path, resolution: int = 80) -> list[Path]:
    """Recalculate a workbook and write every sheet as a picture, long tables by their first page.

    Pictures named by their sheets.
    """
    target.mkdir(parents=True, exist_ok=True)
    made = []
    with Office(extension=package_files(home), environment={"XL_SMALLCAP_HOME": str(home)}) as office:
        opened = office.do("open", str(book))
        office.do("recalculate", opened)
        for name in office.do("sheets", opened):
            pdf = target / "page.pdf"
            office.do("print_sheet", opened, name, str(pdf))
            for page in range(1, _PAGES.get(name, 1) + 1):
                picture = target / f"workbook-{name.lower().replace(' ', '-')}{'' if page == 1 else f'-{page}'}"
                only = ["-f", str(page), "-l", str(page), "-singlefile"]
                subprocess.run(["pdftoppm", "-r", str(resolution), *only, "-png", str(pdf), str(picture)], check=True)
                made.append(picture.with_suffix(".png"))
            pdf.unlink()
    return made


def main() -> None:
    """Write docs/images/workbook-*.png."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        os.environ["XL_SMALLCAP_HOME"] = str(home)
        load(Store(home / "store"), "sample", lambda *_: None)
        compute_regime_history("chains", None, lambda *_: None)
        for picture in render(ROOT / "workbook" / "xl_smallcap.xlsx", home, ROOT / "docs" / "images"):
            print(picture.relative_to(ROOT), file=sys.stderr)


if __name__ == "__main__":
    main()
