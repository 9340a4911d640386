"""By what a record is known to follow a convention, and what each record of that sort has to have.

Telemetry does not say which convention a span follows. It is known by what only that convention requires:

- a *discriminator*: an attribute that it requires and that is its own. Of OpenTelemetry's conventions these are in the
  convention's namespace (`http.request.method` of `span.http.client`), of your own those that your registry defines;
- for a refinement, the *fixed* values that it gives to attributes (`db.system.name` is `redis`);
- for an event, its name.

Several conventions may have the same: then a record has to have what all of them ask for. So what is said holds
whichever of them was meant, and a record that is known by nothing is not judged.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from otlp_verifier.registry.model import Convention, Level, Registries, Registry, SpanKind, Version

# Attributes of which it follows from others that they have nothing to say: key -> other key -> the pattern of its
# values for which it is so. A client that calls `https://shop.example/` has told its port.
IMPLIED: Final[Mapping[str, tuple[str, str]]] = {
    "server.port": ("url.full", "^https?://([^/?#@]*@)?([^/:?#]+|[^/?#]*])([/?#]|$)"),
}


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Records of one sort, and one attribute that they are to have, or not to have.

    Attributes:
        record: what is looked at.
        kinds: of the spans; none: any.
        any_of: discriminators: a span has at least one of them. None for events, and for what has fixed values.
        fixed: attributes with the values of which each has to have one.
        without: attributes that would make another convention of it.
        names: of the events.
        attribute: what they are to have, or not to have.
        ids: the conventions that ask for it.
        since: the first version of the conventions that knows all of this; None: there is no such bound.
        settled: whether one of the conventions is stable or about to be; else all may still change.

    """

    record: Literal["span", "event"]
    kinds: frozenset[SpanKind] = frozenset()
    any_of: tuple[str, ...] = ()
    fixed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    without: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    attribute: str
    ids: tuple[str, ...]
    since: Version | None
    settled: bool


def cases(registry: Registry, registries: Registries, level: Level) -> list[Case]:
    """What the conventions of one registry ask for at one level.

    Args:
        registry: whose conventions.
        registries: all, that one among them: the conventions of others may be meant by the same attributes.
        level: `required`, `recommended` (with these, those under a condition are left out) or `opt_in` (what records
            are not to have).

    """
    found = [*_of_spans(registry, registries, level), *_of_events(registry, registries, level)]
    return sorted(_merged(found), key=lambda case: (case.record, case.ids, case.attribute))


def unrecognised(registry: Registry, registries: Registries) -> list[Convention]:
    """The conventions of spans that no record can be known to follow."""
    return [
        convention
        for convention in _judged(registry, "span")
        if not convention.fixed and not _discriminators(convention, registry, registries)
    ]


def _judged(registry: Registry, kind: str) -> Iterator[Convention]:
    for convention in registry.conventions.values():
        if convention.kind == kind and convention.deprecated is None:
            yield convention


def _discriminators(convention: Convention, registry: Registry, registries: Registries) -> tuple[str, ...]:
    root = convention.id.removeprefix("span.").partition(".")[0] + "."
    others = [other.attributes for other in registries.all if other is not registry]
    return tuple(
        key
        for key in convention.keys("required")
        if _is_asked_for(key, registries)
        and (key.startswith(root) or (others and not any(key in attributes for attributes in others)))
    )


def _is_asked_for(key: str, registries: Registries) -> bool:
    """Whether a rule may ask for a key: no rule asks for what is deprecated, or for one of many keys."""
    found = next((each.attributes[key] for each in registries.all if key in each.attributes), None)
    return found is None or (found.deprecated is None and not found.is_template)


def _of_spans(registry: Registry, registries: Registries, level: Level) -> Iterator[Case]:
    everywhere = [each for owner in registries.all for each in _judged(owner, "span")]
    own = list(_judged(registry, "span"))
    kinds: set[SpanKind | None] = {kind for convention in own for kind in convention.span_kinds or (None,)}
    for kind in sorted(kinds, key=str):
        of_kind = [each for each in own if (kind in each.span_kinds if kind else not each.span_kinds)]
        rivals = [each for each in everywhere if kind is None or not each.span_kinds or kind in each.span_kinds]
        sort = _Sort(level, registries, frozenset() if kind is None else frozenset({kind}))
        said = set()
        plain = [each for each in of_kind if not each.fixed]
        for key in sorted({key for each in plain for key in _discriminators(each, registry, registries)}):
            meant = [each for each in rivals if key in each.attributes and not each.fixed]
            refined = {fixed for each in rivals if key in each.attributes for fixed in each.fixed}
            for case in sort.asked(meant, any_of=(key,), without=tuple(sorted(refined - {key}))):
                said.add((key, case.attribute))
                yield case
        for fixed in sorted({tuple(sorted(each.fixed.items())) for each in of_kind if each.fixed}):
            meant = [each for each in rivals if tuple(sorted(each.fixed.items())) == fixed]
            for case in sort.asked(meant, fixed=tuple((key, (value,)) for key, value in fixed)):
                if not any((key, case.attribute) in said for key, _ in fixed):
                    yield case


def _of_events(registry: Registry, registries: Registries, level: Level) -> Iterator[Case]:
    for convention in _judged(registry, "event"):
        yield from _Sort(level, registries, frozenset()).asked([convention], names=(convention.name,))


class _Sort(msgspec.Struct, frozen=True):
    """Makes the cases of one kind of spans, or of events."""

    level: Level
    registries: Registries
    kinds: frozenset[SpanKind]

    def asked(
        self,
        meant: Sequence[Convention],
        *,
        any_of: tuple[str, ...] = (),
        fixed: tuple[tuple[str, tuple[str, ...]], ...] = (),
        without: tuple[str, ...] = (),
        names: tuple[str, ...] = (),
    ) -> Iterator[Case]:
        """What all of the conventions that may be meant ask for."""
        known_by = {*any_of, *(key for key, _ in fixed)}
        shared = set.intersection(*({*each.keys(self.level)} - {*each.conditional} for each in meant)) - known_by
        for key in sorted(shared):
            if _is_asked_for(key, self.registries):
                yield Case(
                    record="event" if names else "span",
                    kinds=self.kinds,
                    any_of=any_of,
                    fixed=fixed,
                    without=tuple(each for each in (*without, *self._of_before(meant, known_by, key)) if each != key),
                    names=names,
                    attribute=key,
                    ids=tuple(sorted(each.id for each in meant)),
                    since=self._since(meant, {*known_by, key}),
                    settled=all(each.stability in ("stable", "release_candidate") for each in meant),
                )

    def _since(self, meant: Iterable[Convention], keys: set[str]) -> Version | None:
        """The first version that has all that the conventions ask for: before it they looked otherwise."""
        asked = {key for each in meant for key, level in each.attributes.items() if level != "opt_in"} | keys
        return max((since for key in asked if (since := self._first(key)) is not None), default=None)

    def _first(self, key: str) -> Version | None:
        for registry in self.registries.all:
            if key in registry.attributes and registry.name == "opentelemetry":
                return registry.attributes[key].since or registry.history_from
        return None

    def _of_before(self, meant: Sequence[Convention], known_by: set[str], key: str) -> tuple[str, ...]:
        """Attributes that show that a record is older than what it would be asked for.

        Where that has come to a convention after what it is known by, a record that says no version may be of before:
        it then has, under its old name, something that the convention asks for now.
        """
        since = self._first(key)
        if self.level == "opt_in" or since is None or any((self._first(each) or since) >= since for each in known_by):
            return ()
        asked = set.intersection(*({*each.keys("required"), *each.keys("conditionally_required")} for each in meant))
        root = key.partition(".")[0] + "."
        return tuple(
            sorted(
                old.key
                for registry in self.registries.all
                for old in registry.attributes.values()
                if old.deprecated is not None and old.deprecated.renamed_to in asked and old.key.startswith(root)
            )
        )


def _merged(found: Iterable[Case]) -> list[Case]:
    """Fewer cases that say the same: of several discriminators, kinds, or fixed values."""
    cases = _grouped(found, lambda case: replace(case, any_of=()))
    cases = _grouped(cases, lambda case: replace(case, kinds=frozenset()))
    # Refinements for several systems ask for the same under other names.
    one_fixed = [case for case in cases if len(case.fixed) == 1]
    alike = _grouped(one_fixed, lambda case: replace(case, fixed=((case.fixed[0][0], ()),), ids=()))
    return [*(case for case in cases if len(case.fixed) != 1), *alike]


def _grouped(cases: Iterable[Case], apart_from: Callable[[Case], Case]) -> list[Case]:
    joined: dict[Case, Case] = {}
    for case in cases:
        key = apart_from(case)
        joined[key] = _joined(joined[key], case) if key in joined else case
    return list(joined.values())


def _joined(one: Case, other: Case) -> Case:
    fixed = tuple(
        (key, tuple(sorted({*values, *others})))
        for (key, values), (_, others) in zip(one.fixed, other.fixed, strict=True)
    )
    return replace(
        one,
        any_of=tuple(sorted({*one.any_of, *other.any_of})),
        kinds=one.kinds | other.kinds,
        fixed=fixed,
        ids=tuple(sorted({*one.ids, *other.ids})),
    )
