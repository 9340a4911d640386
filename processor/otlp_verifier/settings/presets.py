"""Presets: sets of rules with a name and a purpose, each a short file in `presets/`."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

_FOLDER: Final = Path(__file__).parent / "presets"


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A set of rules.

    Attributes:
        description: whom it is for, and what it chooses.
        select, ignore: as `rules.select` and `rules.ignore` of the configuration, without names of presets.

    """

    description: str
    select: tuple[str, ...]
    ignore: tuple[str, ...] = ()


@functools.cache
def presets() -> Mapping[str, Preset]:
    """Every preset by its name; they are read once per process."""
    return {path.stem: msgspec.yaml.decode(path.read_bytes(), type=Preset) for path in sorted(_FOLDER.glob("*.yaml"))}
