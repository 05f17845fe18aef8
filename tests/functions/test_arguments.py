import datetime as dt
from typing import Any

import numpy as np
import pytest

from xl_smallcap.errors import BadArgumentError
from xl_smallcap.functions import arguments as read
from xl_smallcap.types import BetaStat, Window


@pytest.mark.parametrize("blank", [None, "", "  ", 0, 0.0])
def test_blank_means_the_default_everywhere(blank: Any) -> None:
    assert read.window(blank) == Window(250, "daily")
    assert read.day("as_of", blank) is None
    assert read.word("target", blank, "russell") == "russell"
    assert read.choice("stat", blank, BetaStat, "beta") == "beta"
    with pytest.raises(BadArgumentError, match="'factor' is missing"):
        read.word("factor", blank)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(250, Window(250, "daily")), (83.0, Window(83, "daily")), (" 104W ", Window(104, "weekly")),
     ("60m", Window(60, "monthly")), ("500d", Window(500, "daily")), ("250.0", Window(250, "daily"))],
)  # fmt: skip
def test_windows(given: Any, expected: Window) -> None:
    assert read.window(given) == expected


@pytest.mark.parametrize("given", ["abc", -5, 2.5, True, "104y", [[1, 2]], float("nan"), float("inf"), "1e9w"])
def test_what_is_no_window(given: Any) -> None:
    with pytest.raises(BadArgumentError, match="such as 250"):
        read.window(given)


@pytest.mark.parametrize(
    "given",
    [46015, 46015.75, "2025-12-24", " 2025-12-24 ", "2025-12-24T10:00", dt.date(2025, 12, 24),
     dt.datetime(2025, 12, 24, 16), np.datetime64("2025-12-24")],
)  # fmt: skip
def test_dates(given: Any) -> None:
    assert read.day("as_of", given) == np.datetime64("2025-12-24")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("12/24/2025", "not a date"), ("2025-13-01", "not a date"), ("yesterday", "not a date"), (5, "1900-01-04"),
     (20251224, "text needs quotes"), (-3.0, "not a date"), (float("nan"), "not a date"), (True, "TRUE"),
     ("1812-01-01", "outside 1950"), ([[1, 2]], "a range of 1 x 2 cells"), (1e300, "not a date")],
)  # fmt: skip
def test_what_is_no_date(given: Any, expected: str) -> None:
    with pytest.raises(BadArgumentError) as caught:
        read.day("as_of", given)
    assert expected in str(caught.value)
    assert "2025-12-24" in str(caught.value)


def test_a_window_too_long_says_so() -> None:
    with pytest.raises(BadArgumentError, match="the number 99999999 of observations; at most 999999"):
        read.window(99_999_999)


def test_words() -> None:
    assert read.choice("stat", " TStat ", BetaStat, "beta") == "tstat"
    with pytest.raises(BadArgumentError, match="Unknown stat 'tsat'. Did you mean 'tstat'"):
        read.choice("stat", "tsat", BetaStat, "beta")
    with pytest.raises(BadArgumentError, match="one word; got the number 5"):
        read.word("factor", 5.0)
    with pytest.raises(BadArgumentError, match="one word; got a range of 2 x 3 cells"):
        read.word("factor", [[1, 2, 3], [4, 5, 6]])
