"""Worksheet functions. :mod:`table` says which there are; a function is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xl_smallcap.functions.table import BY_NAME, FUNCTIONS, HELP_LIMIT, NAMES, Parameter, WorksheetFunction

if TYPE_CHECKING:  # their types, for whoever imports one by name
    from xl_smallcap.functions.attribution import *  # noqa: F403
    from xl_smallcap.functions.betas import *  # noqa: F403
    from xl_smallcap.functions.claims import *  # noqa: F403
    from xl_smallcap.functions.dispersion import *  # noqa: F403
    from xl_smallcap.functions.events import *  # noqa: F403
    from xl_smallcap.functions.factors import *  # noqa: F403
    from xl_smallcap.functions.fair_value import *  # noqa: F403
    from xl_smallcap.functions.formula import *  # noqa: F403
    from xl_smallcap.functions.needle import *  # noqa: F403
    from xl_smallcap.functions.positioning import *  # noqa: F403
    from xl_smallcap.functions.provenance import *  # noqa: F403
    from xl_smallcap.functions.regimes import *  # noqa: F403
    from xl_smallcap.functions.scenarios import *  # noqa: F403
    from xl_smallcap.functions.thesis import *  # noqa: F403

__all__ = [*NAMES, "BY_NAME", "FUNCTIONS", "HELP_LIMIT", "NAMES", "Parameter", "WorksheetFunction"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return BY_NAME[name].call
