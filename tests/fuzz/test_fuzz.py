"""A short attack in every run; a longer one by ``python -m tests.fuzz --minutes N``."""

from pathlib import Path

from tests.fuzz.attack import KINDS, attack


def test_whatever_comes_there_is_an_answer_or_a_sentence(tmp_path: Path) -> None:
    counts, faults = attack(tmp_path, seed=20261130, seconds=12.0)
    print(dict(counts))
    assert faults == []
    assert set(counts) == set(KINDS)
