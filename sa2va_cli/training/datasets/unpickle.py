"""Writes the pickle of standard input as JSON to standard output: plain containers, and arrays as lists.

A pickle is a program. This file runs as a script, in a process of its own (``converting.pickle_as_json``),
which has imported nothing but what stands here; any name that a pickle asks for is refused, except those
below, which are answered by functions of this file and never by the library's own.
"""

import json
import pickle
import struct
import sys
from typing import Any

_MEMORY_BYTES = 1 << 34
_CODES = {"i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q"}
_CODES |= {"f4": "f", "f8": "d", "b1": "?"}


class _Dtype:
    """What NumPy's dtype says of itself in a pickle."""

    def __init__(self, name: str, *_: Any) -> None:
        self.name, self.order = str(name), "<"

    def __setstate__(self, state: Any) -> None:
        self.order = {"|": "<", "=": "<"}.get(state[1], state[1])

    def values(self, data: bytes) -> list[Any]:
        """Unpacks bytes."""
        code = _CODES.get(self.name)
        if code is None:
            raise pickle.UnpicklingError(f"an array of {self.name} is not understood")
        count = len(data) // struct.calcsize(f"<{code}")
        return list(struct.unpack(f"{self.order}{count}{code}", data))


class _Array:
    """What NumPy's array says of itself in a pickle."""

    def __init__(self, *_: Any) -> None:
        self.content: Any = []

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        flat = dtype.values(_bytes(data))
        if fortran and len(shape) > 1:
            raise pickle.UnpicklingError("an array in Fortran's order is not understood")
        for side in reversed(shape[1:]):
            flat = [flat[k : k + side] for k in range(0, len(flat), side)] if side else []
        self.content = flat if shape else flat[0]


def _bytes(data: Any) -> bytes:
    return data.encode("latin1") if isinstance(data, str) else bytes(data)


def _scalar(dtype: _Dtype, data: Any) -> Any:
    return dtype.values(_bytes(data))[0]


def _encode(text: str, _: str = "latin1") -> bytes:
    return text.encode("latin1")


_KNOWN: dict[tuple[str, str], Any] = {("_codecs", "encode"): _encode, ("collections", "OrderedDict"): dict}
for _core in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _KNOWN |= {(_core, "_reconstruct"): _Array, (_core, "scalar"): _scalar}
_KNOWN |= {("numpy", "ndarray"): _Array, ("numpy", "dtype"): _Dtype}


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Refuses every name but a few."""
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}; only plain data is read")
        return _KNOWN[module, name]


def _json(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.content
    if isinstance(value, bytes):
        return value.decode("ascii")
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"a {type(value).__name__} cannot be said in JSON")


def _limited() -> None:
    """A small file can ask for any amount of memory."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))


def main() -> int:
    """Reads, writes; one line of complaint and 1 where that is not possible."""
    _limited()
    try:
        content = _Plain(sys.stdin.buffer, encoding="utf-8").load()
        sys.stdout.write(json.dumps(content, default=_json, ensure_ascii=False))
    except Exception as error:
        sys.stderr.write(f"{error or type(error).__name__}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
