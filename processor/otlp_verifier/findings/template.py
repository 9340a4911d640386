"""A rule's message with `{expression}` in it, made ready to be filled from a row."""

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from otlp_verifier.attributes.faults import NAMES
from otlp_verifier.findings.batch import Batch, Excerpt, Value
from otlp_verifier.findings.defective import DEFECTS, defective
from otlp_verifier.findings.faulty import NAMED_MAX, faulty, key_shown
from otlp_verifier.findings.printable import EXCERPT_MAX, clean
from otlp_verifier.findings.wording import worded
from otlp_verifier.language.errors import RuleError, RuleErrors, nearest
from otlp_verifier.language.lexer import duration_ns
from otlp_verifier.language.parser import parse_expression, parse_rule
from otlp_verifier.language.paths import ATTRIBUTES, FIELDS, STEPS, Step, Type
from otlp_verifier.language.syntax import Binary, Call, Expression, Index, Item, Literal, Name, Unary
from otlp_verifier.machine.operations import Domain
from otlp_verifier.rules.catalogue import Parameter, Rule
from otlp_verifier.sensitive.classes import mask_of
from otlp_verifier.sensitive.masking import excerpts, number_excerpts
from otlp_verifier.sensitive.texts import TEXTS

MESSAGE_MAX: Final = 1024  # characters
_MORE: Final = len(" and 99,999 more")
_PLACE: Final = re.compile(r"\{((?:[^{}\"]|\"[^\"]*\")*)\}")
_RESULTS: Final = {
    (Type.TIME, "-", Type.TIME): Type.DURATION,
    (Type.TIME, "+", Type.DURATION): Type.TIME,
    (Type.TIME, "-", Type.DURATION): Type.TIME,
    (Type.DURATION, "+", Type.DURATION): Type.DURATION,
    (Type.DURATION, "-", Type.DURATION): Type.DURATION,
    (Type.INT, "+", Type.INT): Type.INT,
    (Type.INT, "-", Type.INT): Type.INT,
}


class Place(msgspec.Struct, frozen=True):
    """An expression of a message: how to read it from a row of the rule's domain, and what it will be."""

    type: Type
    path: str  # of a field, for the names of its numbers
    read: Callable[[Batch, int], Value]
    key: bytes = b""  # of an attribute


class Template(msgspec.Struct, frozen=True):
    """A message in pieces: text as it is, and places."""

    pieces: tuple[str | Place, ...]

    def fill(self, batch: Batch, row: int) -> str:
        """Write the message for a row of the rule's domain."""
        filled = "".join(
            piece if isinstance(piece, str) else worded(piece.read(batch, row), piece.type, piece.path, key=piece.key)
            for piece in self.pieces
        )
        return filled if len(filled) <= MESSAGE_MAX else filled[: MESSAGE_MAX - 1] + "…"


def template(rule: Rule) -> Template:
    """Make a rule's message ready; without one, its description.

    Raises:
        RuleError: a place names something that the rule has not, or calculates what cannot be.

    """
    return _template(rule.rule, rule.message, rule.description, tuple(sorted(rule.parameters.items())))


def check_messages(rules: Iterable[Rule]) -> None:
    """Make the messages of all these rules ready.

    Raises:
        RuleErrors: those that cannot be, with their rules' ids.

    """
    errors = []
    for rule in rules:
        try:
            template(rule)
        except RuleError as error:
            error.rule = rule.id
            errors.append(error)
    if errors:
        raise RuleErrors(errors)


@functools.lru_cache(maxsize=4096)  # every worker of a process has the same rules
def _template(text: str, message: str, description: str, parameters: tuple[tuple[str, Parameter], ...]) -> Template:
    if not message:
        return Template((clean(description.encode(), MESSAGE_MAX),))
    places = _Places(text, dict(parameters))
    pieces: list[str | Place] = []
    end = 0
    for match in _PLACE.finditer(message):
        pieces.append(message[end : match.start()])
        try:
            pieces.append(places.place(parse_expression(match[1])))
        except RuleError as error:
            raise RuleError(f"in a message: {error.message}", message, match.start(1) + error.column - 1) from None
        end = match.end()
    pieces.append(message[end:])
    return Template(tuple(piece for piece in pieces if piece))


class _Places:
    """Resolves the names of one rule."""

    def __init__(self, text: str, parameters: dict[str, Parameter]) -> None:
        tree = parse_rule(text)
        self._tree = tree
        self._domain = Domain[tree.domain.upper()]
        self._parameters = parameters
        self._variables: dict[str, tuple[Step, ...]] = {tree.variable: ()}
        for join in tree.joins:
            self._variables[join.variable] = (STEPS[self._domain][join.relation],)

    def place(self, tree: Expression) -> Place:
        match tree:
            case Name():
                return self._name(tree)
            case Index():
                return self._attribute(tree)
            case Literal(value=bool() | int() | float()):
                value = tree.value if not isinstance(tree.value, str) else None
                type_ = {bool: Type.BOOL, int: Type.INT, float: Type.FLOAT}[type(value)]
                return Place(Type.DURATION if tree.is_duration else type_, "", lambda _batch, _row: value)
            case Binary(operator="+" | "-"):
                return self._sum(tree)
            case Call(function="Excerpt"):
                return self._excerpt(tree)
            case Call(function="FaultyAttributes"):
                return self._faulty(tree)
            case Call(function="DefectiveParts"):
                return self._defective(tree)
            case Call(function="PresentAttributes"):
                return self._present(tree)
            case _:
                raise RuleError("expected a path, a parameter, or their sum or difference", "", tree.offset)

    def _name(self, tree: Name) -> Place:
        if len(tree.parts) == 1 and tree.parts[0] in self._parameters:
            written = self._parameters[tree.parts[0]]
            value = written if isinstance(written, int) else duration_ns(written)
            return Place(Type.INT if isinstance(written, int) else Type.DURATION, "", lambda _batch, _row: value)
        domain, steps, rest = self._resolve(tree)
        path = ".".join(rest)
        if domain is Domain.SPAN and path == "duration":
            end, start = (self._name(Name((*tree.parts[:-1], name), tree.offset)) for name in ("end", "start"))
            return _difference(end, start, Type.DURATION)
        field = FIELDS[domain].get(path)
        if field is None:
            known = [*FIELDS[domain], *STEPS[domain]]
            raise RuleError(f"a {domain.name.lower()} has no `{path}`{nearest(path, known)}", "", tree.offset)
        return Place(field.type, path, lambda batch, row: batch.field(_follow(batch, row, steps), field))

    def _attribute(self, tree: Index) -> Place:
        domain, steps, rest = self._resolve(tree.base)
        if rest != ("attributes",) or domain not in ATTRIBUTES:
            message = f"a {domain.name.lower()} has no `{'.'.join(rest)}[...]`"
            raise RuleError(f'{message}; expected attributes["..."]', "", tree.offset)
        key = tree.key.encode()
        return Place(Type.DYNAMIC, "", lambda batch, row: batch.attribute(_follow(batch, row, steps), domain, key), key)

    def _excerpt(self, tree: Call) -> Place:
        """`Excerpt(record, class)`: what may be shown of the first thing of a class in a record, and where it is."""
        match tree.arguments:
            case (Name() as record, Literal(value=str() as named)) if bits := mask_of(named):
                domain, steps, rest = self._resolve(record)
                if not rest and domain in TEXTS:
                    return Place(
                        Type.TEXT, "", lambda batch, row: _excerpt(batch, _follow(batch, row, steps), domain, bits)
                    )
        raise RuleError("expected Excerpt(record, class of sensitive data)", "", tree.offset)

    def _faulty(self, tree: Call) -> Place:
        """`FaultyAttributes(record, fault)`: the attributes of a record that have a fault, and what is wrong."""
        match tree.arguments:
            case (Name() as record, Literal(value=str() as named)) if (fault := NAMES.get(named)) is not None:
                domain, steps, rest = self._resolve(record)
                if not rest and domain in ATTRIBUTES:
                    return _listed(steps, lambda batch, at: faulty(batch, at, domain, fault))
        raise RuleError("expected FaultyAttributes(record, fault)", "", tree.offset)

    def _defective(self, tree: Call) -> Place:
        """`DefectiveParts(record, defect)`: which attributes or fields of a record have a defect of the encoding."""
        match tree.arguments:
            case (Name() as record, Literal(value=str() as defect)) if defect in DEFECTS:
                domain, steps, rest = self._resolve(record)
                if not rest and domain in ATTRIBUTES:
                    return _listed(
                        steps, lambda batch, at: defective(batch, at, domain, defect), "one that was sent again"
                    )
        expected = f"expected DefectiveParts(record, one of {', '.join(DEFECTS)})"
        raise RuleError(expected, "", tree.offset)

    def _present(self, tree: Call) -> Place:
        """`PresentAttributes(record)`: those attributes that `require` names and the record has."""
        match tree.arguments:
            case (Name() as record,):
                domain, steps, rest = self._resolve(record)
                keys = [key for owner, key in self._named(self._tree.requirement) if owner == (domain, steps)]
                if not rest and keys:
                    return _listed(steps, lambda batch, at: _present(batch, at, domain, keys), "none")
        expected = "expected PresentAttributes(record), of a record whose attributes `require` names"
        raise RuleError(expected, "", tree.offset)

    def _named(self, tree: Expression) -> Iterator[tuple[tuple[Domain, tuple[Step, ...]], str]]:
        """The attributes that a condition names, and of which record; none of rows that only a part of it speaks of."""
        inner: tuple[Expression, ...] = ()
        match tree:
            case Index(base=base):
                # Without a variable in front it is the rule's own record.
                parts = base.parts if len(base.parts) > 1 else (self._tree.variable, *base.parts)
                domain, steps, _ = self._resolve(Name(parts, tree.offset))
                yield (domain, steps), tree.key
            case Unary():
                inner = (tree.operand,)
            case Binary():
                inner = (tree.left, tree.right)
            case Call():
                inner = tree.arguments
            case Item():
                inner = (tree.base,)
        for each in inner:
            yield from self._named(each)

    def _resolve(self, tree: Name) -> tuple[Domain, tuple[Step, ...], tuple[str, ...]]:
        """The domain that a path ends in, the steps to its row, and what is left of the path."""
        first, *rest = tree.parts
        domain, steps = self._domain, self._variables.get(first)
        if steps is None:
            if first not in STEPS[domain]:
                known = [*self._variables, *self._parameters, *STEPS[domain]]
                raise RuleError(f"`{first}` is unknown{nearest(first, known)}", "", tree.offset)
            steps, rest = (), list(tree.parts)
        for step in steps:
            domain = step.domain
        while rest and rest[0] in STEPS[domain]:
            step = STEPS[domain][rest.pop(0)]
            steps, domain = (*steps, step), step.domain
        return domain, steps, tuple(rest)

    def _sum(self, tree: Binary) -> Place:
        left, right = self.place(tree.left), self.place(tree.right)
        result = _RESULTS.get((left.type, tree.operator, right.type))
        if result is None:
            message = f"`{tree.operator}` cannot be applied to {left.type.value} and {right.type.value}"
            raise RuleError(message, "", tree.offset)
        return _difference(left, right, result) if tree.operator == "-" else _total(left, right, result)


def _present(batch: Batch, row: int, domain: Domain, keys: Iterable[str]) -> Iterator[str]:
    named = (key.encode() for key in dict.fromkeys(keys))
    return (key_shown(key) for key in named if batch.attribute(row, domain, key) is not None)


def _excerpt(batch: Batch, row: int | None, domain: Domain, classes: int) -> Value:
    for name, value, context in batch.texts(row, domain) if row is not None else ():
        found: Iterator[bytes] = iter(())
        if isinstance(value, bytes):
            found = excerpts(value, classes, context)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found = number_excerpts(classes & context.numbers)
        for one in found:
            return Excerpt(one + f" in {name}".encode())
    return None


def _listed(steps: tuple[Step, ...], find: Callable[[Batch, int], Iterator[str]], none: str = "") -> Place:
    """The first few that are found in the record that the steps lead to; `none` where there are none."""

    def read(batch: Batch, row: int) -> Value:
        at = _follow(batch, row, steps)
        if at is None:
            return None
        found = list(find(batch, at))
        told = found[:NAMED_MAX]
        while len(told) > 1 and len(", ".join(told)) > EXCERPT_MAX - _MORE:
            told.pop()  # rather none than the half of one
        more = f" and {len(found) - len(told)} more" if len(found) > len(told) else ""
        return Excerpt((", ".join(told) + more or none).encode())

    return Place(Type.TEXT, "", read)


def _follow(batch: Batch, row: int, steps: tuple[Step, ...]) -> int | None:
    at: int | None = row
    for step in steps:
        at = batch.step(at, step)
    return at


def _total(left: Place, right: Place, type_: Type) -> Place:
    def read(batch: Batch, row: int) -> Value:
        a, b = left.read(batch, row), right.read(batch, row)
        return _kept(a + b, type_) if isinstance(a, int) and isinstance(b, int) else None

    return Place(type_, "", read)


def _difference(left: Place, right: Place, type_: Type) -> Place:
    def read(batch: Batch, row: int) -> Value:
        a, b = left.read(batch, row), right.read(batch, row)
        return _kept(a - b, type_) if isinstance(a, int) and isinstance(b, int) else None

    return Place(type_, "", read)


def _kept(value: int, type_: Type) -> int:
    """Keep a time within 64 bits without sign, as the machine does; what is beyond has no date."""
    return max(0, min(value, 2**64 - 1)) if type_ is Type.TIME else value
