"""Keys that cannot stand beside each other on one record: equal but for case, or one the namespace of the other.

Which keys these are is found out as keys come; which record has two of them, a kernel
finds with three numbers for each key.
"""

from typing import Final

NONE: Final = 0xFFFFFFFF


class Collisions:
    """Keys by code, in the order of their arrival.

    Attributes:
        folds: per code, the number that it shares with keys that are equal but for case; 0: there are none.
        above: per code, the code of the longest key that is a namespace of it, or NONE.
        are_namespaces: per code, whether it is a namespace of another key.

    """

    def __init__(self) -> None:
        self.folds: list[int] = []
        self.above: list[int] = []
        self.are_namespaces: list[bool] = []
        self._keys: list[bytes] = []
        self._codes: dict[bytes, int] = {}
        self._by_fold: dict[str, list[int]] = {}
        self._below: dict[bytes, list[int]] = {}  # codes of keys by each of their namespaces

    def add(self, key: bytes) -> bool:
        """Take the next code's key; whether it cannot stand beside another one."""
        code = len(self._keys)
        self._keys.append(key)
        self._codes[key] = code
        self.folds.append(0)
        self.above.append(NONE)
        self.are_namespaces.append(False)
        return bool(self._add_fold(code, key) | self._add_namespaces(code, key))

    def _add_fold(self, code: int, key: bytes) -> bool:
        alike = self._by_fold.setdefault(key.decode(errors="surrogateescape").casefold(), [])
        alike.append(code)
        if len(alike) == 1:
            return False
        for each in alike:
            self.folds[each] = alike[0] + 1
        return True

    def _add_namespaces(self, code: int, key: bytes) -> bool:
        below = self._below.get(key, ())
        for each in below:
            above = self.above[each]
            if above == NONE or len(self._keys[above]) < len(key):
                self.above[each] = code
        self.are_namespaces[code] = bool(below)
        prefix = key.rpartition(b".")[0]
        while prefix:
            self._below.setdefault(prefix, []).append(code)
            found = self._codes.get(prefix)
            if found is not None:
                self.are_namespaces[found] = True
                if self.above[code] == NONE:
                    self.above[code] = found
            prefix = prefix.rpartition(b".")[0]
        return bool(below) or self.above[code] != NONE
