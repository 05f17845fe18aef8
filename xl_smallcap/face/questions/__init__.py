"""A method for each worksheet function; ``python -m tools.build_face`` writes them, so that none is forgotten."""

from __future__ import annotations

from xl_smallcap.face.questions.factors import FactorsQuestions
from xl_smallcap.face.questions.market import MarketQuestions
from xl_smallcap.face.questions.outlook import OutlookQuestions


class Questions(FactorsQuestions, OutlookQuestions, MarketQuestions):
    """All of them."""
