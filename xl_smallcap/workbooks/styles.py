"""Cell styles: inputs, formulas and results look different, in colour and in grey print; by name in the file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

INK, QUIET, LINE = "#1F2933", "#5F6B7A", "#9AA5B1"
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#7F7F7F"
GREEN, SKY, YELLOW = "#009E73", "#56B4E9", "#F0E442"
"""Okabe and Ito (2008): told apart with any colour vision and, by lightness, in grey print."""
WARN = "#A33F00"
"""Orange dark enough to be read on white: 6.6 to 1."""
INPUT_FILL, HEAD_FILL, DERIVED_FILL = "#FFF4CC", "#E4E7EB", "#F5F6F8"

FONT = "Arial"
"""As wide as Liberation Sans: a page breaks its lines alike on every machine."""

Kind = Literal["input", "result", "derived", "text", "head", "title", "note", "warning", "label", "code", "wrap", "big"]
"""input: typed by a person; result: a RUSSELL_ formula; derived: an ordinary formula on results."""

NAMES: dict[Kind, str] = {
    "input": "xl_smallcap input",
    "result": "xl_smallcap result",
    "derived": "xl_smallcap formula on results",
    "text": "xl_smallcap text",
    "head": "xl_smallcap head",
    "title": "xl_smallcap title",
    "note": "xl_smallcap note",
    "warning": "xl_smallcap warning",
    "label": "xl_smallcap label",
    "code": "xl_smallcap code",
    "wrap": "xl_smallcap sentence",
    "big": "xl_smallcap level",
}
"""What Excel's gallery of cell styles calls them."""

BETA = "+0.00;-0.00;0.00"
PERCENT = '+0.0"%";-0.0"%";0.0"%"'
SHARE = "0%"
PVALUE = "0.000"
COUNT = "#,##0"
POINTS = "#,##0.0"
DATE = "yyyy-mm-dd"
SIGMA = '+0.0" sd";-0.0" sd";0.0" sd"'
BASIS = '+0" bp";-0" bp";0" bp"'
TIMES = '0.00"x"'
RANK = "0"
OPEN_INTEREST = '+0.0"% OI";-0.0"% OI";0.0"% OI"'
GENERAL = ""

_KINDS: dict[Kind, dict[str, Any]] = {
    "input": {
        "bg_color": INPUT_FILL, "border": 1, "border_color": LINE, "bold": True, "align": "left", "locked": False,
    },
    "result": {},
    "derived": {"bg_color": DERIVED_FILL, "italic": True},
    "text": {"font_family": 0},  # looks like a result, and is told apart from it as a style
    "head": {
        "bold": True, "bg_color": HEAD_FILL, "bottom": 1, "bottom_color": LINE, "text_wrap": True, "align": "center",
    },
    "title": {"bold": True, "font_size": 16},
    "note": {"font_color": QUIET, "italic": True},
    "warning": {"bold": True, "font_color": WARN},
    "label": {"font_color": QUIET, "align": "right"},
    "code": {"font_name": "Consolas", "font_size": 9, "font_color": BLUE},
    "wrap": {"text_wrap": True, "valign": "top"},
    "big": {"bold": True, "font_size": 20, "align": "left"},
}  # fmt: skip


class Styles:
    """The formats of one workbook, made when first asked for."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[Any, ...], Any] = {}

    def get(self, kind: Kind, form: str = GENERAL, **more: Any) -> Any:
        """Return a format."""
        key = (kind, form, *sorted(more.items()))
        if key not in self._made:
            base = {"font_name": FONT, "font_size": 10, "font_color": INK, "valign": "vcenter"}
            own = {**base, **_KINDS[kind], **({"num_format": form} if form else {}), **more}
            if form == DATE and "align" not in own:
                own["align"] = "left"
            if kind == "label" and own["align"] == "right":
                own.setdefault("indent", 1)  # not against the cell it names
            self._made[key] = self._book.add_format(own)
        return self._made[key]

    def kinds(self) -> dict[Kind, list[int]]:
        """Return where the formats of each kind stand in the file, once it is written.

        Kind -> indices, the plainest first.
        """
        indices: dict[Kind, list[int]] = {}
        for (kind, *_), made in sorted(self._made.items(), key=lambda item: (len(item[0]), str(item[0]))):
            if made.xf_index is not None:
                indices.setdefault(kind, []).append(made.xf_index)
        return indices


_SIGNED = ("beta", "se", "tstat", "lower", "upper", "vif", "factor_sd", "z", "z3y", "z5y", "z", "tipping", "tipping_sd")
_SHARES = (
    "sign_share",
    "agreement",
    "goldilocks",
    "reflation",
    "slowdown",
    "stagflation",
    "slowdown, low inflation",
    "long_run_share",
    "hit",
    "base_rate",
    "share_beta",
)
FORMS: dict[str, str] = {
    **dict.fromkeys(_SIGNED, BETA),
    **dict.fromkeys(_SHARES, SHARE),
    **dict.fromkeys(("pvalue", "pvalue_bh", "plausibility", "rsquared", "brier", "probability"), PVALUE),
    **dict.fromkeys(("nobs", "sign_windows", "age_days", "members", "net", "n"), COUNT),
    **dict.fromkeys(("contribution", "contribution_simple", "mean", "sd", "p5", "p25", "p50", "p75", "p95"), BETA),
    **dict.fromkeys(("equal", "cap", "iqr", "winsor", "coverage", "separation", "duration_months", "move"), "0.00"),
    **dict.fromkeys(("percentile3y", "percentile5y", "percentile"), RANK),
    **dict.fromkeys(
        ("first_date", "last_date", "first", "last", "date", "month", "start", "published", "growth_to",
         "inflation_to", "dated", "fetched", "revised"),
        DATE,
    ),
}  # fmt: skip
"""Number formats of the columns our tables have, by their header."""


def form_of(header: str) -> str:
    """Return the number format of a table's column."""
    if header.startswith("prob_"):
        return SHARE
    return FORMS.get(header, GENERAL)


# -- Cell styles by name in a finished workbook, which XlsxWriter cannot write: change one, and its cells change.


_XF = re.compile(rb"<xf\b[^>]*?(?:/>|>.*?</xf>)", re.DOTALL)
_CELLS = re.compile(rb"(<cellXfs[^>]*>)(.*?)(</cellXfs>)", re.DOTALL)
_BASES = re.compile(rb"<cellStyleXfs[^>]*>(.*?)</cellStyleXfs>", re.DOTALL)
_NAMED = re.compile(rb"<cellStyles[^>]*>(.*?)</cellStyles>", re.DOTALL)


def named_styles(part: bytes, kinds: Mapping[Kind, Sequence[int]]) -> bytes:
    """Return the styles part with a named style a kind, on which the formats of its cells are based."""
    cells, bases, named = _CELLS.search(part), _BASES.search(part), _NAMED.search(part)
    if cells is None or bases is None or named is None:
        raise ValueError("styles.xml has another layout than expected")
    formats = _XF.findall(cells[2])
    base, names = [*_XF.findall(bases[1])], [named[1]]
    based: dict[int, int] = {}
    for kind, indices in kinds.items():
        free = [i for i in indices if i not in based]
        if not free:
            continue
        based.update(dict.fromkeys(free, len(base)))
        names.append(b'<cellStyle name="%s" xfId="%d"/>' % (NAMES[kind].encode(), len(base)))
        plain = re.sub(rb' xfId="\d+"', b"", formats[free[0]])
        base.append(re.sub(rb'numFmtId="\d+"', b'numFmtId="0"', plain, count=1))
    fresh = [re.sub(rb'xfId="\d+"', b'xfId="%d"' % based.get(i, 0), xf, count=1) for i, xf in enumerate(formats)]
    part = part.replace(cells[0], cells[1] + b"".join(fresh) + cells[3])
    part = part.replace(bases[0], b'<cellStyleXfs count="%d">%s</cellStyleXfs>' % (len(base), b"".join(base)))
    return part.replace(named[0], b'<cellStyles count="%d">%s</cellStyles>' % (len(names), b"".join(names)))
