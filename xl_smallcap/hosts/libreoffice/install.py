"""Install the add-in for this user, or write it to a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from xl_smallcap.config import home_dir
from xl_smallcap.data.atomic import write_atomic
from xl_smallcap.hosts.libreoffice.office import Office
from xl_smallcap.hosts.libreoffice.package import EXTENSION_ID, oxt


def user_profile() -> Path:
    """Return the folder of LibreOffice's ordinary user profile."""
    import platformdirs

    # LibreOffice keeps ~/.config/libreoffice/4, %APPDATA%\\LibreOffice\\4, ~/Library/Application Support/LibreOffice/4.
    base = Path(platformdirs.user_config_dir("libreoffice", appauthor=False, roaming=True))
    return base / "4"


def install(out: Path | None = None, profile: Path | None = None) -> list[str]:
    """Install the add-in into the user's LibreOffice; with `out` only write the .oxt.

    What was done and what to do next, a sentence each.
    """
    # A home folder set by hand goes into the package; otherwise each user's Python says where it is.
    content = oxt(home_dir() if "XL_SMALLCAP_HOME" in os.environ else None)
    if out is not None:
        write_atomic(out, content)
        return [f"Written: {out}. Install it in LibreOffice: Tools > Extensions > Add."]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "xl_smallcap.oxt"
        path.write_bytes(content)
        with Office(profile=profile or user_profile()) as office:
            office.do("install", str(path))
    return [
        f"The add-in {EXTENSION_ID} is installed for this user.",
        'Start LibreOffice Calc and type =RUSSELL_BETA("inflation").',
    ]
