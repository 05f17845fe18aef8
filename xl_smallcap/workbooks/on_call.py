"""LibreOffice for one job: started beside other work where it is foreseen, ended with the job."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Self

from xl_smallcap.hosts.libreoffice.package import package_files
from xl_smallcap.office.office import Office, OfficeMissingError
from xl_smallcap.session import current_session


class OfficeOnCall:
    """LibreOffice with our add-in on the session's home, as a context manager; one, however often it is used."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._office: Office | None = None
        self._ready = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        self._stack.close()

    def foresee(self) -> None:
        """Start it beside other work; where it is missing :meth:`ready` says so."""
        with suppress(OfficeMissingError):
            self._start()

    def _start(self) -> Office:
        if self._office is None:
            home = current_session().settings.home
            # the driver says itself when to calculate
            # and its cells are of the same snapshot as ours, whatever becomes CURRENT meanwhile
            environment = {
                "XL_SMALLCAP_HOME": str(home),
                "XL_SMALLCAP_OPEN_AS_STORED": "1",
                "XL_SMALLCAP_PIN": current_session().snapshot.fingerprint,
            }
            self._office = Office(extension=package_files(home), environment=environment)
            self._stack.callback(self._office.__exit__, None, None, None)
        return self._office

    def ready(self) -> Office:
        """Return it, started."""
        office = self._start()
        if not self._ready:
            office.__enter__()
            self._ready = True
        return office
