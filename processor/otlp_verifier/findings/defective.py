"""Which parts of a record have a defect that its columns count for the whole: for the few that people get to see."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from otlp_verifier.columns import ValueType
from otlp_verifier.findings.faulty import key_shown
from otlp_verifier.language.paths import FIELDS, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from otlp_verifier.findings.batch import AttributeAsSent, Batch, Element
    from otlp_verifier.machine.operations import Domain

_LISTS: Final = (ValueType.ARRAY, ValueType.MAP)
_ENCODINGS: Final = {
    "repeated_field": "a field is sent twice",
    "odd_tag": "a tag is longer or larger than any",
    "wrong_wire_type": "a field has another wire type",
    "group": "there is a group",
}


def defective(batch: Batch, row: int, domain: Domain, defect: str) -> Iterator[str]:
    """Name the parts of a record that have a defect, by its name in `DEFECTS`; no value, and no key that is sensitive.

    Nothing is yielded where the part was replaced by one that was sent after it: columns hold the last.
    """
    yield from DEFECTS[defect](batch, row, domain)


def _read(batch: Batch, row: int, domain: Domain) -> Iterator[tuple[AttributeAsSent, list[Element]]]:
    return zip(batch.attributes_as_sent(row, domain), batch.elements(row, domain), strict=True)


def _duplicate_keys(batch: Batch, row: int, domain: Domain) -> Iterator[str]:
    times = Counter(attribute.key for attribute in batch.attributes_as_sent(row, domain))
    yield from (f"{key_shown(key)} ({many} times)" for key, many in times.items() if many > 1)
    for attribute, held in _read(batch, row, domain):
        kinds = [*(each.kind for each in held), attribute.kind]  # the attribute's is the last one, at -1
        within = Counter(
            (each.holder, each.key)
            for each in held
            if kinds[-1 if each.holder is None else each.holder] == ValueType.MAP
        )
        for (_, key), many in within.items():
            if many > 1:
                yield f"{key_shown(key)} in {key_shown(attribute.key)} ({many} times)"


def _without_value(batch: Batch, row: int, domain: Domain) -> Iterator[str]:
    attributes = batch.attributes_as_sent(row, domain)
    return (key_shown(attribute.key) for attribute in attributes if attribute.kind == ValueType.EMPTY)


def _too_deep(batch: Batch, row: int, domain: Domain) -> Iterator[str]:
    """Nothing is deeper than where the scanner stops looking, so what is too deep is what is deepest."""
    depths: list[tuple[bytes, int]] = []
    for attribute, held in _read(batch, row, domain):
        levels: list[int] = []  # of each element: how many arrays and maps, with itself
        for each in held:
            levels.append((1 if each.holder is None else levels[each.holder]) + (each.kind in _LISTS))
        depths.append((attribute.key, max(levels, default=int(attribute.kind in _LISTS))))
    deepest = max((depth for _, depth in depths), default=0)
    return (f"{key_shown(key)} (more than {depth - 1} levels)" for key, depth in depths if depth == deepest)


def _not_utf8(batch: Batch, row: int, domain: Domain) -> Iterator[str]:
    for path, field in FIELDS[domain].items():
        content = batch.field(row, field) if field.type is Type.TEXT else None
        if isinstance(content, bytes) and not _is_utf8(content):
            yield f"`{path}`"
    for attribute, held in _read(batch, row, domain):
        texts = [attribute.key, *(text for each in held for text in (each.key, each.text))]
        if attribute.kind == ValueType.STRING and isinstance(attribute.content, bytes):
            texts.append(attribute.content)
        if not all(map(_is_utf8, texts)):
            yield f"attribute {key_shown(attribute.key)}"


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _keys_with_index(batch: Batch, row: int, domain: Domain) -> Iterator[str]:
    for key, index, within in batch.keys_with_index(row, domain):
        where = "" if within is None else f" in {key_shown(within)}"
        yield f"{key_shown(key)}{where} (index {index})"


def _encodings(batch: Batch, row: int, domain: Domain) -> Iterator[str]:
    return (words for bit, words in _ENCODINGS.items() if batch.field(row, FIELDS[domain][f"defects.{bit}"]))


DEFECTS: Final[Mapping[str, Callable[[Batch, int, Domain], Iterator[str]]]] = {
    "duplicate-key": _duplicate_keys,
    "empty-value": _without_value,
    "too-deep": _too_deep,
    "not-utf8": _not_utf8,
    "key-and-index": _keys_with_index,
    "encoding": _encodings,
}
