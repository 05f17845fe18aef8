"""The data a person opens: one snapshot, a method a worksheet function, and what no cell can hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pandas as pd

from xl_smallcap.analyses.provenance import source_label
from xl_smallcap.config import Settings
from xl_smallcap.data.store import Store
from xl_smallcap.errors import BadArgumentError, closest
from xl_smallcap.face.asking import day_of
from xl_smallcap.face.frames import Frame
from xl_smallcap.face.intake import settings_of
from xl_smallcap.face.questions import Questions
from xl_smallcap.functions import arguments as read
from xl_smallcap.functions.factors import panel_rows
from xl_smallcap.functions.regimes import compute_regime_history
from xl_smallcap.functions.table import NAMES
from xl_smallcap.session import Session, answering
from xl_smallcap.types import RegimeModel


class Data(Questions):
    """One snapshot of data; every method answers from it, whatever is loaded or refreshed meanwhile.

    Made by :func:`xl_smallcap.open`. What cannot be answered is a BadArgumentError, a NoDataError or a FitError, whose
    sentence says what was expected, what came, and what to do.

    Parameters
    ----------
    session : Session
        On one snapshot.
    as_of : date or None
        What a method without an as_of means; None is the newest data.
    """

    def __init__(self, session: Session, as_of: dt.date | None = None) -> None:
        super().__init__(session, as_of)

    @property
    def fingerprint(self) -> str:
        """The snapshot's fingerprint: the same one means the same data, bit for bit."""
        return self.session.snapshot.fingerprint

    def panel(
        self,
        target: str | None = None,
        spec: str | None = None,
        window: float | str | None = None,
        as_of: dt.date | str | None = None,
        standardised: bool = False,
    ) -> Frame:
        """Exactly the rows a fit used: changes of target and factors.

        Parameters
        ----------
        target, spec, window, as_of
            As in :meth:`betas`.
        standardised : bool
            Factors less their mean, in standard deviations.

        Returns
        -------
        Frame of shape (n_obs, 1 + n_factors)
            Indexed by date; % for logs, bp for rates, pt for levels: attrs["units"] has them by column.

        Raises
        ------
        BadArgumentError, NoDataError
            As :meth:`betas`.

        Examples
        --------
        >>> data.panel("relative").shape
        (250, 6)
        """
        _flag("standardised", standardised)
        day = day_of("as_of", as_of)
        with answering(self.session):
            header, rows, notes = panel_rows(target, spec, window, self.as_of if day is None else day, standardised)
            entry = self.session.catalogue.target(
                read.word("target", target, self.session.catalogue.default_target),
                self.session.snapshot.target_frequencies,
            )
        names = [entry.id, *(h.rpartition(" (")[0] for h in header[2:])]
        made = Frame([row[1:] for row in rows], columns=names, dtype="float64")
        made.index = pd.DatetimeIndex([pd.Timestamp(row[0]) for row in rows], name="date")
        made.attrs = {
            "function": "RUSSELL_PANEL",
            "arguments": {"target": entry.id, "spec": spec, "window": window},
            "units": {n: h.rpartition(" (")[2][:-1] for n, h in zip(names, header[1:], strict=True)},
            "notes": notes,
            "source": source_label(self.session),
            "snapshot": self.fingerprint,
        }
        return made

    def universe(
        self,
        window: float | str | None = None,
        as_of: dt.date | str | None = None,
        spec: str | None = None,
        index: str | None = None,
        monthly: bool = False,
    ) -> Frame:
        """Betas with Newey-West errors of every stock with prices.

        Parameters
        ----------
        window, as_of, spec
            As in :meth:`betas`.
        index : {"russell", "sp500"}, optional
            Only its members of that day; default every stock.
        monthly : bool
            A row a stock and month end, not only the last day.

        Returns
        -------
        Frame
            A row a stock and day, % per +1 standard deviation; columns as ``xl-smallcap universe`` writes them.

        Raises
        ------
        NoDataError
            No constituents in the snapshot.

        Examples
        --------
        >>> data.universe(index="russell").index.names
        FrozenList(['ticker', 'date'])
        """
        import io
        import tempfile

        from xl_smallcap.analyses.constituents import Index
        from xl_smallcap.analyses.universe import UniverseQuestion, run_universe

        _flag("monthly", monthly)
        day = day_of("as_of", as_of)
        with answering(self.session) as session:
            members: Any = read.choice("index", index, Index, "russell") if index else None
            question = UniverseQuestion(
                spec=session.catalogue.spec(read.word("spec", spec, session.catalogue.default_spec)),
                window=read.window(window),
                as_of=read.day("as_of", self.as_of if day is None else day),
                monthly=monthly,
                index=members,
            )
            with tempfile.TemporaryDirectory() as folder:
                done = run_universe(session, question, Path(folder) / "universe.csv", lambda *_: None)
                text = done.path.read_text(encoding="utf-8")
        made = Frame(pd.read_csv(io.StringIO(text), parse_dates=["date"]))
        made = Frame(made.set_index(["ticker", "date"]))
        made.attrs = {
            "function": "RUSSELL_UNIVERSE",
            "arguments": {"window": str(question.window), "spec": question.spec.id},
            "unit": "% per +1 sd",
            "source": source_label(self.session),
            "snapshot": self.fingerprint,
        }
        return made

    def compute_histories(self, progress: Callable[[str, int, int], None] = lambda *_: None) -> None:
        """Compute what regime_history, regime_returns, regime_score and needle look up, as ``regime history`` does.

        Parameters
        ----------
        progress : callable, optional
            Told of (what, done, total); some ten seconds in all, once a snapshot.

        Examples
        --------
        >>> data.compute_histories()
        """
        with answering(self.session):
            for model in get_args(RegimeModel):
                compute_regime_history(model, None, progress)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.session.settings, self.fingerprint, self.as_of)

    def __repr__(self) -> str:
        until = f", as of {self.as_of}" if self.as_of else ""
        return f"<xl_smallcap data: {self.session.snapshot.name}{until}>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            methods = [n.removeprefix("RUSSELL_").lower() for n in NAMES] + ["panel", "universe", "compute_histories"]
            near = closest(name, methods) if not name.startswith("_") else None
            hint = f" Did you mean '{near}'?" if near else ""
            raise AttributeError(f"These data have no method '{name}'.{hint}")


def _again(settings: Settings, fingerprint: str, as_of: dt.date | None) -> Data:
    """A copy, or what another process of a pool unpickles: the same snapshot, opened again."""
    session = Session(settings, fingerprint)
    session.follow()
    return Data(session, as_of)


def _flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise BadArgumentError(f"The argument '{name}' is True or False; got {value!r}.")


def open(
    as_of: dt.date | str | None = None,
    snapshot: str | None = None,
    *,
    sample: bool = False,
    home: Path | str | None = None,
) -> Data:
    """Open a snapshot of data; every method of it answers from that one.

    Parameters
    ----------
    as_of : date or str, optional
        What a method without an as_of means: nothing later is used. Default the newest data.
    snapshot : str, optional
        A fingerprint, or its beginning; default the one in use now.
    sample : bool
        The embedded synthetic sample; what is in use stays.
    home : pathlib.Path, optional
        Default: XL_SMALLCAP_HOME, else the user's own.

    Returns
    -------
    Data

    Raises
    ------
    NoDataError
        No data are loaded yet.
    StoreError
        No such snapshot.
    BadArgumentError
        No date, or both a snapshot and the sample.

    Examples
    --------
    >>> import xl_smallcap as xs
    >>> xs.open("2025-06-30", sample=True)
    <xl_smallcap data: SAMPLE (synthetic) a3e22166a459, as of 2025-06-30>
    """
    _flag("sample", sample)
    settings = settings_of(home)
    store = Store(settings.store_dir)
    if snapshot is not None and not isinstance(snapshot, str):
        raise BadArgumentError(f"A snapshot is the text of a fingerprint; got {snapshot!r}.")
    if sample and snapshot:
        raise BadArgumentError("Give a snapshot or sample=True, not both.")
    if sample:
        from xl_smallcap.data.loading import load as load_place

        fingerprint = load_place(store, "sample", lambda *_: None, make_current=False).snapshot.fingerprint
    else:
        fingerprint = store.meant(snapshot) if snapshot else store.open().fingerprint
    session = Session(settings, fingerprint)
    session.follow()
    day = read.day("as_of", day_of("as_of", as_of))
    return Data(session, None if day is None else day.astype("datetime64[D]").item())
