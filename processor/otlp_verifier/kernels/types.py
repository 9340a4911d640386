"""What kernels take and give: numbers and contiguous arrays of them, written as in `int64(uint64[:, ::1], boolean)`."""

from typing import Final

import msgspec


class Array(msgspec.Struct, frozen=True):
    """A contiguous array, C order."""

    element: "Scalar"
    dimensions: int
    writable: bool = True

    @property
    def code(self) -> str:
        """As arguments.c reads it: the element, and the number of dimensions, or `r` for one that is only read."""
        return self.element.code + (str(self.dimensions) if self.writable else "r")


class Scalar(msgspec.Struct, frozen=True):
    """A number of a numpy type; indexed, an array of it; called, what gives it."""

    name: str
    element_code: str

    @property
    def code(self) -> str:
        """As arguments.c reads it."""
        return self.element_code

    def __getitem__(self, layout: slice | tuple[slice, slice]) -> Array:
        return Array(self, len(layout) if isinstance(layout, tuple) else 1)

    def __call__(self, *takes: "Scalar | Array") -> "Signature":  # noqa: D102  # the class says it
        return Signature(1, takes)


class Several(msgspec.Struct, frozen=True):
    """A tuple of so many int64; called, what gives it. With none: what gives nothing."""

    count: int

    def __call__(self, *takes: Scalar | Array) -> "Signature":  # noqa: D102  # the class says it
        return Signature(self.count, takes)


class Signature(msgspec.Struct, frozen=True):
    """What a kernel takes, and how many int64 it gives."""

    gives: int
    takes: tuple[Scalar | Array, ...]

    @property
    def code(self) -> str:
        """As arguments.c reads it: a digit, then two characters for each argument."""
        return str(self.gives) + "".join(each.code.ljust(2, "0") for each in self.takes)


boolean: Final = Scalar("bool_", "?")
uint8: Final = Scalar("uint8", "B")
int32: Final = Scalar("int32", "i")
uint32: Final = Scalar("uint32", "I")
int64: Final = Scalar("int64", "q")
uint64: Final = Scalar("uint64", "Q")
void: Final = Several(0)
read_only_bytes: Final = Array(uint8, 1, writable=False)  # what np.frombuffer makes of bytes
