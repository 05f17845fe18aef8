from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest

import xl_smallcap as xs
from xl_smallcap.analyses.regimes.record import regime_history
from xl_smallcap.config import load_settings
from xl_smallcap.face import Data
from xl_smallcap.session import Session

matplotlib.use("Agg")


@pytest.fixture(scope="session")
def data(sample_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Data:
    """The sample, with the histories a cell only looks up."""
    home = tmp_path_factory.mktemp("face") / "home"
    shutil.copytree(sample_store, home / "store")
    session = Session(load_settings(home))
    for model in ("bands", "chains"):
        regime_history(session, model, None, lambda *_: None)
    return xs.open(home=home)


@pytest.fixture(autouse=True)
def _in_examples(doctest_namespace: dict[str, Any], request: pytest.FixtureRequest) -> None:
    if request.node.__class__.__name__ == "DoctestItem":
        doctest_namespace.update(data=request.getfixturevalue("data"), xs=xs, np=np, pd=pd)
