"""Render every sheet of the shipped workbook to docs/images, recalculated in LibreOffice on the embedded sample.

Needs LibreOffice 25.2. Run ``python -m tools.render_workbook``, then look at the pictures.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.functions.regimes import compute_regime_history
from xl_smallcap.hosts.libreoffice.package import package_files
from xl_smallcap.office.office import Office
from xl_smallcap.workbooks.picture import DOTS, png

ROOT = Path(__file__).parents[1]
_PAGES = {"Regimes": 2, "Scenarios": 2}
"""Sheets whose second page says something else than more of the first."""
_DOTS = {"Pitch": DOTS}
"""The page is README's picture; the others are shown smaller."""


def render(book: Path, home: Path, target: Path) -> list[Path]:
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
                suffix = "" if page == 1 else f"-{page}"
                picture = target / f"workbook-{name.lower().replace(' ', '-')}{suffix}.png"
                picture.write_bytes(png(pdf.read_bytes(), page - 1, _DOTS.get(name, 80)))
                made.append(picture)
            pdf.unlink()
    return made


def main() -> None:
    """Write docs/images/workbook-*.png."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        os.environ["XL_SMALLCAP_HOME"] = str(home)
        load(Store(home / "store"), "sample", lambda *_: None)
        compute_regime_history("pool", None, lambda *_: None)
        for picture in render(ROOT / "workbook" / "xl_smallcap.xlsx", home, ROOT / "docs" / "images"):
            print(picture.relative_to(ROOT), file=sys.stderr)


if __name__ == "__main__":
    main()
