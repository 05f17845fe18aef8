"""Rectangles filed by tile against looking at every one of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from xl_smallcap.xlsx.references import Areas, Block, meet

SIDES = st.one_of(st.integers(0, 70), st.integers(0, 2_000_000))


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    top, left = draw(st.integers(0, 100)), draw(st.integers(0, 40))
    return Block(None, top, left, top + draw(SIDES), left + draw(st.integers(0, 30)))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), blocks())), st.lists(blocks(), min_size=1))
def test_the_same_as_looking_at_every_one(filed: list[tuple[int, Block]], queries: list[Block]) -> None:
    areas, plain = Areas(), {}
    for key, block in filed:
        areas.put((key, 0), block)
        plain[key, 0] = block
    for block in queries:
        assert list(areas.meeting(block)) == sorted(k for k, other in plain.items() if meet(other, block))
        inside = sorted(
            k for k, b in plain.items() if b.top <= block.top <= b.bottom and b.left <= block.left <= b.right
        )
        assert list(areas.holding(block.top, block.left)) == inside
