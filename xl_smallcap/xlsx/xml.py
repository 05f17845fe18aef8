"""Small edits of the XML parts of a workbook by byte offset, so that everything not meant stays byte-identical."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Set
from dataclasses import dataclass
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from xl_smallcap.errors import BadArgumentError


@dataclass(frozen=True)
class Tag:
    """A start tag: local name, namespace prefix with its colon, attributes, byte offsets, and the names around it."""

    name: str
    prefix: str
    attributes: dict[str, str]
    start: int
    end: int
    path: tuple[str, ...]


class _EnoughError(Exception):
    pass


def tag_end(data: bytes, start: int) -> int:
    """Return where the tag ends that begins at an offset; a ">" in quotes ends nothing. Offset behind its ">"."""
    quote = 0
    for i in range(start + 1, len(data)):
        byte = data[i]
        if quote:
            quote = 0 if byte == quote else quote
        elif byte in b"\"'":
            quote = byte
        elif byte == ord(">"):
            return i + 1
    raise BadArgumentError("The workbook is damaged (a tag is not closed); open it in Excel and save it again.")


def tags(data: bytes, stop: Set[str] = frozenset()) -> list[Tag]:
    """Return the start tags of a part; reading ends at the first tag named in `stop`."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data[:8]:
        raise BadArgumentError("A part of the workbook is not UTF-8; open it in Excel and save it again.")
    start_tags: list[Tag] = []
    around: list[str] = []
    parser = expat.ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        prefix, _, local = name.rpartition(":")
        offset = parser.CurrentByteIndex
        start_tags.append(
            Tag(local, prefix + ":" if prefix else "", attributes, offset, tag_end(data, offset), tuple(around))
        )
        around.append(local)
        if local in stop:
            raise _EnoughError

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: around.pop()
    with contextlib.suppress(_EnoughError):
        parse(parser, data, "The workbook")
    return start_tags


def parse(parser: expat.XMLParserType, data: bytes, what: str) -> None:
    """Run a part through a parser that has its handlers."""
    try:
        parser.Parse(refuse_dtd(data), True)
    except (expat.ExpatError, LookupError, ValueError) as exc:  # an unknown encoding is a LookupError
        raise BadArgumentError(f"{what} is damaged ({exc}); open the workbook in Excel and save it again.") from exc


def texts(data: bytes, name: str) -> list[tuple[dict[str, str], str]]:
    """Return attributes and text of every element of a name, in order; what stands in comments is none."""
    elements: list[tuple[dict[str, str], str]] = []
    inside: list[str] | None = None
    own: dict[str, str] = {}
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal inside, own
        if tag.rpartition(":")[2] == name:
            inside, own = [], attributes

    def end(tag: str) -> None:
        nonlocal inside
        if inside is not None and tag.rpartition(":")[2] == name:
            elements.append((own, "".join(inside)))
            inside = None

    def text(part: str) -> None:
        if inside is not None:
            inside.append(part)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parse(parser, data, "The workbook")
    return elements


def refuse_dtd(data: bytes) -> bytes:
    """Return a part unless it declares a document type, which no program writes and readers differ about."""
    if b"<!DOCTYPE" in data:
        raise BadArgumentError("A part of the workbook declares a DOCTYPE, which no workbook has; it is not read.")
    return data


def with_attribute(data: bytes, tag: Tag, name: str, value: str) -> bytes:
    """Return the part with an attribute added to, or changed in, one tag."""
    if name in tag.attributes:
        text = data[tag.start : tag.end].decode()
        pattern = rf"(\s{re.escape(name)}\s*=\s*)(\"[^\"]*\"|'[^']*')"
        changed = re.sub(pattern, lambda m: m.group(1) + quoteattr(value), text, count=1)
        return data[: tag.start] + changed.encode() + data[tag.end :]
    cut = tag.end - (2 if data[tag.end - 2 : tag.end] == b"/>" else 1)
    return data[:cut].rstrip() + f" {name}={quoteattr(value)}".encode() + data[cut:]


def after(data: bytes, tag: Tag, element: str) -> bytes:
    """Return the part with an element put right behind a start tag (inside it, where it is not empty)."""
    return data[: tag.end] + element.encode() + data[tag.end :]


def before_end(data: bytes, element: str) -> bytes:
    """Return the part with an element put before the root's closing tag."""
    close = data.rindex(b"</")
    return data[:close] + element.encode() + data[close:]
