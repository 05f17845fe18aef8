"""How results are kept: in a bounded mapping in memory, and as named columns on disk."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Generic, TypeVar, cast, get_type_hints

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]
"""A result as arrays of float64, as the disk cache has it."""
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


def columns_of(result: Any) -> Columns:
    """Return a dataclass of arrays, numbers and such dataclasses as columns; columns stay as they are."""
    if isinstance(result, dict):
        return result
    columns: Columns = {}
    for field in fields(result):
        value = getattr(result, field.name)
        if is_dataclass(value):
            columns |= {f"{field.name}.{name}": array for name, array in columns_of(value).items()}
        else:
            columns[field.name] = np.asarray(value, dtype=np.float64)
    return columns


def result_of(kind: type[V], columns: Mapping[str, NDArray[Any]]) -> V:
    """Rebuild what :func:`columns_of` took apart, bit for bit."""
    if kind is dict:
        return cast(V, columns)
    values: dict[str, Any] = {}
    for field in fields(cast(Any, kind)):
        array = columns.get(field.name)
        if array is None:
            part = f"{field.name}."
            own = {name.removeprefix(part): c for name, c in columns.items() if name.startswith(part)}
            values[field.name] = result_of(get_type_hints(kind)[field.name], own)
        elif not array.ndim:
            values[field.name] = int(array) if field.type == "int" else float(array)
        else:
            values[field.name] = array > 0 if field.type == "BoolArray" else array
    return kind(**values)
