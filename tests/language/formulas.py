"""Random rules as text: well typed, of every domain, over every path, with the operators of the language.

Two attributes are compared for equality only: see test_ottl.py for where the engine departs from OTTL.
"""

from collections.abc import Sequence
from random import Random

from otlp_verifier.language.paths import FIELDS, Type
from otlp_verifier.machine.operations import Domain

KEYS = ("a", "b", "http.request.method", "service.name", "", "never")
TEXTS = ('""', '"a"', '"b"', '"GET /cart"')
INTS = ("0", "1", "-1", "2", "500", "4294967295", "9007199254740993", "SPAN_KIND_SERVER", "STATUS_CODE_ERROR")
DECIMALS = ("0.0", "1.0", "1.5", "-1.0", "9007199254740992.0")
DURATIONS = ("0ns", "1ns", "-1ns", "1ms", "2562047h", "-1ms")
TIMES = ("0", "1", "1000000", "9223372036854775808", "18446744073709551615")
ORDERS = ("==", "!=", "<", "<=", ">", ">=")
EQUALITIES = ("==", "!=")
# What the reference cannot see in decoded messages.
UNSEEN = ("defects.",)
SEEN = ("defects.duplicate_key", "defects.nested_duplicate_key", "defects.empty_key")


class Formula:
    """Makes one rule; `text` is it."""

    def __init__(self, rng: Random, *, depth: int = 3, domains: Sequence[Domain] = tuple(FIELDS)) -> None:
        self.rng = rng
        self.domain = rng.choice(domains)
        self.rows: list[tuple[str, Domain]] = [("x", self.domain)]
        joins = ""
        if self.domain is Domain.SPAN:
            self.rows += [("x.parent", Domain.SPAN), ("x.parent.parent", Domain.SPAN)]
            if rng.random() < 0.4:
                joins = " with parent p"
                self.rows += [("p", Domain.SPAN), ("p.parent", Domain.SPAN)]
        if self.domain in (Domain.EVENT, Domain.LINK):
            self.rows += [("x.span", Domain.SPAN), ("span.parent", Domain.SPAN), ("x.resource", Domain.RESOURCE)]
            if rng.random() < 0.4:
                joins = " with span s"
                self.rows.append(("s", Domain.SPAN))
        if self.domain is Domain.SCOPE:
            self.rows.append(("x.resource", Domain.RESOURCE))
        if self.domain in (Domain.SPAN, Domain.EVENT, Domain.LINK):
            self.rows += [("resource", Domain.RESOURCE), ("scope", Domain.SCOPE), ("trace", Domain.TRACE)]
        guard = f" where {self.condition(depth - 1)}" if rng.random() < 0.5 else ""
        self.text = f"for each {self.domain.name.lower()} x{joins}{guard} require {self.condition(depth)}"

    def condition(self, depth: int) -> str:
        rng = self.rng
        if depth > 0 and rng.random() < 0.7:
            form = rng.choice(["({} and {})", "({} or {})", "(not {})", "(({}) == ({}))", "(({}) != ({}))"])
            return form.format(*(self.condition(depth - 1) for _ in range(form.count("{}"))))
        makers = [self.numbers, self.times, self.durations, self.texts, self.ids, self.truth, self.nothing]
        return rng.choice([*makers, self.attributes, self.attributes, self.attributes])()

    def numbers(self) -> str:
        return f"{self.number(2)} {self.rng.choice(ORDERS)} {self.number(1)}"

    def times(self) -> str:
        time = self.time()
        if time is None:
            return self.truth()
        return f"{time} {self.rng.choice(ORDERS)} {self.rng.choice([str(self.time()), self.rng.choice(TIMES)])}"

    def durations(self) -> str:
        return f"{self.duration(2)} {self.rng.choice(ORDERS)} {self.duration(1)}"

    def texts(self) -> str:
        path = self.path(Type.TEXT)
        if path is None:
            return self.truth()
        constant = self.rng.choice(TEXTS)
        form = self.rng.choice(
            [
                "{0} {1} {2}",
                "{2} {1} {0}",
                "{0} {3} {4}",
                "HasPrefix({0}, {2})",
                "HasSuffix({0}, {2})",
                "IsMatch({0}, {2})",
                "Len({0}) {1} 1",
            ]
        )
        return form.format(path, self.rng.choice(ORDERS), constant, self.rng.choice(EQUALITIES), self.path(Type.TEXT))

    def ids(self) -> str:
        path = self.path(Type.ID)
        if path is None:
            return self.truth()
        others = [self.path(Type.ID) for _ in range(4)]
        alike = [other for other in others if other and other.endswith("trace_id") == path.endswith("trace_id")]
        return f"{path} {self.rng.choice(EQUALITIES)} {self.rng.choice(['nil', *alike])}"

    def truth(self) -> str:
        path = self.path(Type.BOOL)
        if path is None:
            return self.rng.choice(["true", "false"])
        form = self.rng.choice(["{0}", "{0} {1} {2}", "{2} {1} {0}", "{0} {1} {3}", "IsRootSpan()"])
        if form == "IsRootSpan()" and self.domain in (Domain.RESOURCE, Domain.SCOPE, Domain.TRACE):
            form = "{0}"
        constant = self.rng.choice(["true", "false"])
        return form.format(path, self.rng.choice(EQUALITIES), constant, self.path(Type.BOOL))

    def nothing(self) -> str:
        """Of what may be nil, whether it is."""
        rows = [row for row, _ in self.rows if "parent" in row]
        candidates = [self.attribute()]
        if rows:
            row = self.rng.choice(rows)
            candidates += [row, f"{row}.name", f"{row}.start", f"{row}.flags.sampled", f"{row}.kind + 1"]
        flags = [path for path in (self.path(Type.BOOL) for _ in range(4)) if path and path.endswith(".remote")]
        chosen = self.rng.choice([one for one in [*candidates, *flags] if one] or [""])
        return f"{chosen} {self.rng.choice(EQUALITIES)} nil" if chosen else self.truth()

    def attributes(self) -> str:
        attribute = self.attribute()
        if attribute is None:
            return self.truth()
        rng = self.rng
        if rng.random() < 0.3:
            kind = rng.choice(["IsString", "IsInt", "IsDouble", "IsBool", "IsMap", "IsList"])
            return rng.choice(
                [
                    f"{kind}({attribute})",
                    f"Len({attribute}) {rng.choice(ORDERS)} 1",
                    f"IsMatch({attribute}, {rng.choice(TEXTS)})",
                    f"Int({attribute}) {rng.choice(ORDERS)} {rng.choice(INTS)}",
                    f"{attribute} {rng.choice(['+', '*'])} 2 {rng.choice(ORDERS)} {rng.choice(INTS)}",
                    f"{attribute} {rng.choice(EQUALITIES)} {rng.choice(['[]', '{}', '0x00', '[1, nil]'])}",
                    f'{attribute}["a"] {rng.choice(EQUALITIES)} nil',
                    f"{attribute}[0] {rng.choice(ORDERS)} 1",
                    f"IsEmpty({attribute})",
                    f"ContainsValue({attribute}, {rng.choice([*INTS, *TEXTS])})",
                ]
            )
        ordered = [*INTS, *DECIMALS, *DURATIONS, *TEXTS, self.number(1), self.time() or "1", self.duration(1)]
        equal = [self.attribute(), self.path(Type.TEXT), self.path(Type.BOOL), f"({self.truth()})"]
        equal += [f"({self.nothing()})", "true", "false", "nil"]
        other, signs = rng.choice(
            [(rng.choice(ordered), ORDERS), (rng.choice([one for one in equal if one]), EQUALITIES)]
        )
        sides = [attribute, other]
        rng.shuffle(sides)
        return f"{sides[0]} {rng.choice(signs)} {sides[1]}"

    def attribute(self) -> str | None:
        rows = [row for row, domain in self.rows if domain is not Domain.TRACE]
        return f'{self.rng.choice(rows)}.attributes["{self.rng.choice(KEYS)}"]' if rows else None

    def path(self, type_: Type) -> str | None:
        paths = [
            f"{row}.{path}"
            for row, domain in self.rows
            for path, field in FIELDS[domain].items()
            if field.type is type_ and (not path.startswith(UNSEEN) or path in SEEN)
        ]
        return self.rng.choice(paths) if paths else None

    def number(self, depth: int) -> str:
        if depth > 0 and self.rng.random() < 0.3:
            sign = self.rng.choice("+-*/")
            return f"({self.number(depth - 1)} {sign} {self.path(Type.INT) or '3'})"
        return self.path(Type.INT) or "1" if self.rng.random() < 0.7 else self.rng.choice([*INTS, *DECIMALS])

    def time(self) -> str | None:
        path = self.path(Type.TIME)
        if path is not None and self.rng.random() < 0.3:
            return f"{path} {self.rng.choice('+-')} {self.duration(0)}"
        return path

    def duration(self, depth: int) -> str:
        rng = self.rng
        spans = [row for row, domain in self.rows if domain is Domain.SPAN]
        times = self.path(Type.TIME), self.path(Type.TIME)
        choices = [rng.choice(DURATIONS)]
        if spans:
            choices.append(f"{rng.choice(spans)}.duration")
        if times[0]:
            choices.append(f"({times[0]} - {times[1]})")
        if depth > 0:
            inner = self.duration(depth - 1)
            choices += [f"({inner} + {rng.choice(choices)})", f"({inner} - {rng.choice(choices)})"]
            choices += [
                f"({inner} * {rng.choice(['2', '-3'])})",
                f"({inner} / {rng.choice(['2', '-3'])})",
                f"(-{inner})",
            ]
        return rng.choice(choices)
