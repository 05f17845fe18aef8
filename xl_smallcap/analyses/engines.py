"""Where blocks of a long job run: threads of this process, or a Dask cluster; the same blocks, so the same bits."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from xl_smallcap.errors import BadArgumentError, EngineError

EngineName = Literal["threads", "dask"]
R = TypeVar("R")
_POLL_SECONDS = 0.2
_CONNECT_SECONDS = 10.0
_SILENT_SECONDS = 15.0


def run_blocks(
    function: Callable[..., R], shared: tuple[Any, ...], blocks: dict[int, tuple[Any, ...]], engine: EngineName,
    scheduler: str = "",
) -> Iterator[tuple[int, R]]:  # fmt: skip
    """Run ``function(*shared, *block)`` for every block; hand each result on as it comes."""
    if engine == "dask":
        if not scheduler:
            raise BadArgumentError("Engine 'dask' needs the address of a scheduler: --scheduler tcp://host:8786.")
        yield from _on_dask(function, shared, blocks, scheduler)
        return
    if scheduler:
        raise BadArgumentError("--scheduler is for --engine dask; engine 'threads' has none.")
    pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="universe")
    try:
        running: dict[Future[R], int] = {pool.submit(function, *shared, *b): n for n, b in blocks.items()}
        while running:
            done, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _on_dask(
    function: Callable[..., R], shared: tuple[Any, ...], blocks: dict[int, tuple[Any, ...]], scheduler: str
) -> Iterator[tuple[int, R]]:
    try:
        import distributed
    except ImportError:
        raise EngineError(
            'Engine dask needs the optional package dask: pip install "xl_smallcap[dask]"; or leave --engine away.'
        ) from None
    _need_listener(scheduler)
    try:
        make: Any = distributed.Client
        client = make(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as exc:
        raise EngineError(
            f"There is no Dask scheduler at '{scheduler}' ({type(exc).__name__}). Start one ('dask scheduler', then "
            "'dask worker ADDRESS'), or leave --engine away to use this machine's threads."
        ) from None
    try:
        yield from _collect(client, function, shared, blocks, scheduler)
    finally:
        client.close(timeout=1)


def _need_listener(scheduler: str) -> None:
    """Knock before a client is made: one that finds nobody leaves half of itself behind."""
    parts = urlsplit(scheduler)
    try:
        if parts.hostname is None or parts.port is None:
            raise OSError(f"expected tcp://host:port, got '{scheduler}'")
        socket.create_connection((parts.hostname, parts.port), timeout=_CONNECT_SECONDS).close()
    except (OSError, ValueError) as exc:
        raise EngineError(
            f"There is no Dask scheduler at '{scheduler}' ({exc}). Start one ('dask scheduler', then 'dask worker "
            "ADDRESS'), or leave --engine away to use this machine's threads."
        ) from None


def _collect(
    client: Any, function: Callable[..., R], shared: tuple[Any, ...], blocks: dict[int, tuple[Any, ...]], scheduler: str
) -> Iterator[tuple[int, R]]:
    _need_workers(client, scheduler)
    try:
        everywhere = client.scatter(list(shared), broadcast=True, timeout=60)
        waiting = {n: client.submit(function, *everywhere, *b, pure=False) for n, b in blocks.items()}
    except Exception as exc:  # distributed and its transports raise kinds of their own; no block has run yet
        raise EngineError(f"The Dask scheduler at '{scheduler}' took no work ({type(exc).__name__}).") from None
    total, heard = len(waiting), time.monotonic()
    while waiting:
        ready = [n for n, f in waiting.items() if f.status == "finished"]
        for n in ready:
            try:
                result = waiting.pop(n).result(timeout=60)
            except Exception as exc:  # the worker that had it went away with the scheduler
                raise _gone(scheduler, total - len(waiting) - 1, total, type(exc).__name__) from None
            yield n, result
        failed = next((f for f in waiting.values() if f.status == "error"), None)
        if failed is not None:
            raise EngineError(f"A Dask worker could not compute a block: {failed.exception(timeout=10)!r}.") from None
        if any(f.status in ("lost", "cancelled") for f in waiting.values()) or client.status == "closed":
            raise _gone(scheduler, total - len(waiting), total, "connection lost")
        if client.status == "running" and client.scheduler_info().get("workers"):
            heard = time.monotonic()
        elif time.monotonic() - heard > _SILENT_SECONDS:
            raise _gone(scheduler, total - len(waiting), total, "no worker answers")
        if not ready:
            time.sleep(_POLL_SECONDS)


def _need_workers(client: Any, scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
    except TimeoutError:
        raise EngineError(
            f"The Dask scheduler at '{scheduler}' has no worker. Start some: 'dask worker {scheduler}'."
        ) from None


def _gone(scheduler: str, done: int, total: int, why: str) -> EngineError:
    return EngineError(
        f"The Dask scheduler at '{scheduler}' or its workers went away ({why}) after {done} of {total} blocks. What "
        "was done is kept: run the same command again to go on, with or without --engine dask."
    )
