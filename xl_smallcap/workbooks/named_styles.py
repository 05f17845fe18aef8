"""Cell styles by name in a finished workbook, which XlsxWriter cannot write: change one, and its cells change."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from xl_smallcap.workbooks.styles import NAMES, Kind

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
