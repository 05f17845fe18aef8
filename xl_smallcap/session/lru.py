"""A bounded mapping in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Lru(Generic[V]):
    """A bounded mapping that forgets what was used longest ago; safe between threads."""

    def __init__(self, size: int, most_bytes: int = 0) -> None:
        self._size, self._most = size, most_bytes
        self._items: OrderedDict[Hashable, V] = OrderedDict()
        self._taken: dict[Hashable, int] = {}
        self._total = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """Return the entry, or None."""
        with self._lock:
            item = self._items.get(key)
            if item is not None:
                self._items.move_to_end(key)
            return item

    def put(self, key: Hashable, value: V, taken: int = 0) -> None:
        """Keep an entry, dropping the oldest beyond the size; one larger than all may be is not kept."""
        with self._lock:
            if self._most and taken > self._most:
                return
            self._total += taken - self._taken.get(key, 0)
            self._items[key], self._taken[key] = value, taken
            self._items.move_to_end(key)
            while len(self._items) > self._size or (self._most and self._total > self._most):
                oldest, _ = self._items.popitem(last=False)
                self._total -= self._taken.pop(oldest)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._items.clear()
            self._taken.clear()
            self._total = 0

    def __len__(self) -> int:
        return len(self._items)
