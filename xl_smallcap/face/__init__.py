"""The Python face: DataFrames in, DataFrames out. Imported as ``xl_smallcap.open`` and ``xl_smallcap.load``."""

from __future__ import annotations

from xl_smallcap.face.data import Data, open
from xl_smallcap.face.frames import Frame
from xl_smallcap.face.intake import load

__all__ = ["Data", "Frame", "load", "open"]
