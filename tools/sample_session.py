"""The sample, opened once with its histories in a home of its own, for what is generated from its answers."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from xl_smallcap.analyses.regimes.record import regime_history
from xl_smallcap.config import load_settings
from xl_smallcap.data.loading import load
from xl_smallcap.data.store import Store
from xl_smallcap.face import Data
from xl_smallcap.session import Session


@functools.cache
def opened() -> Data:
    """Return the sample with the histories of one regime model."""
    home = Path(tempfile.mkdtemp(prefix="xl_smallcap_sample_"))
    settings = load_settings(home)
    report = load(Store(settings.store_dir), "sample", lambda *_: None)
    session = Session(settings, report.snapshot.fingerprint)
    for model in ("bands", "chains"):
        regime_history(session, model, None, lambda *_: None)
    return Data(session)
