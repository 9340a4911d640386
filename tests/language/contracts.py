"""Random rules that look across rows: tree, time, quantifiers, aggregates, joins, assumptions.

A condition speaks of the row in hand, and where it is given a second row joins the two as the language allows it:
equalities, at most one inequality. So few rules are refused; `wild` ones mix everything with everything.
"""

from dataclasses import dataclass, replace
from random import Random

RELATIONS = ("child", "parent", "ancestor", "descendant", "sibling", "root", "span", "event", "link", "link from span")
SINGLE = ("parent", "root")
LINKED = ("link", "link from span")
ARROWS = (">", ">>", "<", "<<", "~", "!>", "!>>", "!<", "!<<", "!~")
ORDERS = ("==", "!=", "<", "<=", ">", ">=")
INEQUALITIES = ("!=", "<", "<=", ">", ">=")
WINDOWS = ("", "[0s, 0s] ", "[0s, 1ns] ", "[0s, 3ns] ", "[1ns, 2ns] ", "[2ns, ] ", "[0s, ] ", "[1ns, 9ns] ")
# What is asked once per distinct value.
MADE = (
    "Int({0}) >= 1", "Int({0}) == nil", "{0} + 1 == 2.5", "2 * {0} > 1", "{0} == []", "{0} != [1]", '{0}["a"] == nil',
    "{0} == 0x61", "IsEmpty({0})", "Len({0}) == 0", 'IsMatch({0}, "^1")', 'ToUpperCase({1}) == "A"',
    'Substring({1}, 0, 1) <= "b"', 'Split({1}, "a")[1] == ""', 'Len(Split({1}, "a")) == 2', "ContainsValue({0}, 1)",
    'not ToUpperCase({0}) == "A"',
)  # fmt: skip
VALUES = ("0", "1", "2", "1.0", "1.5", '"a"', '"b"', "true", "false")
ASSUMPTIONS = (
    *[""] * 3,
    *["assume nothing "] * 4,
    "assume complete ",
    "assume unsampled ",
    "assume complete assume unsampled ",
)


@dataclass(frozen=True)
class Row:
    """A row that a condition may speak of: how it is called, and what may be asked about it."""

    name: str  # empty: by bare paths
    domain: str  # "span", "event", "link" or "trace"
    at_hand: bool = True  # and not reached from the row in hand: relations and time may be asked

    def __call__(self, path: str) -> str:
        return f"{self.name}.{path}" if self.name else path


class Contract:
    """Makes one rule; `text` is it."""

    def __init__(
        self,
        rng: Random,
        *,
        depth: int = 3,
        wild: bool = False,
        skew: str = "",
        assume: str | None = None,
        extremes: bool = True,
        universal: bool = False,
    ) -> None:
        """Make a rule.

        Args:
            rng: where choices come from.
            depth: how deep conditions nest.
            wild: mix everything with everything; many such rules are refused.
            skew: what clocks are assumed to be apart at most, as a duration.
            assume: the assumptions to state; one of the usual by default.
            extremes: whether times may be compared with extremes of times.
            universal: only ask for what is settled once a span is there.

        """
        self.rng, self.wild, self.skew, self.extremes, self.universal = rng, wild, skew, extremes, universal
        domain = rng.choice(("span",) * 8 + ("trace", "trace", "event", "link"))
        is_bare = domain == "trace" and rng.random() < 0.5  # a rule without `for each` is about the trace
        row = Row("trace" if is_bare else "s", domain)
        assume = (rng.choice(ASSUMPTIONS) if assume is None else assume) + (f"assume skew <= {skew} " if skew else "")
        at_end = " at end" if domain == "span" and rng.random() < 0.15 else ""
        joins = ""
        rows: list[Row] = [row]
        if domain == "span" and rng.random() < 0.2:
            relation = rng.choice(("parent", "root")) if not universal else "parent"
            joins = f" with {relation} p"
            rows.append(Row("p", "span", at_hand=False))
        if domain in ("event", "link") and rng.random() < 0.5:
            joins = " with span p"
            rows.append(Row("p", "span", at_hand=False))
        guard = "" if is_bare else f" where {self.atom(rng.choice(rows))}" if rng.random() < 0.5 else ""
        requirement = self.condition(row, None, depth)
        if len(rows) > 1 and rng.random() < 0.5 and domain == "span":
            requirement = f"({requirement} {rng.choice(('and', 'or'))} {self.join(rows[1], row)})"
        if is_bare:
            self.text = f"{assume}require {requirement}"
        else:
            self.text = f"{assume}for each {domain} s{at_end}{joins}{guard} require {requirement}"

    # Conditions

    def condition(self, row: Row, outer: Row | None, depth: int) -> str:
        """A condition on `row` that may be joined with `outer`."""
        rng = self.rng
        if depth <= 0:
            return self.atom(row)
        if outer is not None and not self.wild and rng.random() < 0.7:
            parts = [self.condition(row, None, depth - 1)] if rng.random() < 0.7 else []
            parts += [self.equality(row, outer) for _ in range(rng.choice((0, 1, 1, 2)))]
            parts += [self.inequality(row, outer) for _ in range(rng.choice((0, 0, 1)))] if len(parts) < 3 else []
            rng.shuffle(parts)
            both = " and ".join(parts) or "true"
            if rng.random() < 0.2:
                return f"(({both}) or {self.equality(row, outer)})"
            return f"(not ({both}))" if rng.random() < 0.1 else f"({both})"
        choice = rng.random()
        if choice < 0.25:
            operator = rng.choice(("and", "or"))
            return f"({self.condition(row, outer, depth - 1)} {operator} {self.condition(row, outer, depth - 1)})"
        if choice < 0.35:
            return f"(not {self.condition(row, outer, depth - 1)})"
        if choice < 0.45 or (not row.at_hand and not self.wild):
            return self.join(row, outer) if outer is not None and rng.random() < 0.5 else self.atom(row)
        return rng.choice((self.quantified, self.quantified, self.aggregate, self.time, self.structure))(row, depth)

    def quantified(self, row: Row, depth: int) -> str:
        rng = self.rng
        points, inner = self.points(row, depth)
        if rng.random() < 0.7:
            return f"(exists {points})"
        return f"(forall {points} require {self.condition(inner, row, depth - 1)})"

    def points(self, row: Row, depth: int) -> tuple[str, Row]:
        """`relation [variable] [at end] [where condition]`, and the chosen row."""
        rng = self.rng
        relation = rng.choice(RELATIONS if row.domain == "span" or self.wild else ("span",))
        return self.chosen(relation, row, depth)

    def chosen(self, relation: str, row: Row, depth: int, *, at_end: bool | None = None) -> tuple[str, Row]:
        rng = self.rng
        domain = "event" if relation == "event" else "span"
        name = rng.choice("uvwxyz") if rng.random() < 0.7 else ""
        if name == row.name:
            name = ""
        inner = Row(name, domain, at_hand=relation not in LINKED)
        ends = rng.random() < 0.15 and domain == "span" and relation not in SINGLE if at_end is None else at_end
        text = relation + (f" {name}" if name else "") + (" at end" if ends else "")
        if rng.random() < 0.85:
            # Bare paths are the chosen row's, so that a row without a name cannot be joined.
            outer = row if row.name and name != row.name else None
            text += f" where {self.condition(inner, outer, depth - 1)}"
        return text, inner

    def aggregate(self, row: Row, depth: int) -> str:
        rng = self.rng
        relations = [one for one in RELATIONS if one not in SINGLE] if row.domain == "span" else ["span"]
        relation = rng.choice(relations)
        inner = Row(rng.choice("uvw") if rng.random() < 0.5 else "", "event" if relation == "event" else "span", False)
        text = relation + (f" {inner.name}" if inner.name else "")
        if rng.random() < 0.6:
            condition = self.condition(replace(inner, at_hand=relation not in LINKED), None, depth - 1)
            if row.name and rng.random() < 0.4 and inner.domain == "span":
                condition = f"{condition} and {self.equality(inner, row)}"
            text += f" where {condition}"
        function = rng.choice(("count", "count", "min", "max", "sum", "distinct"))
        order = rng.choice(ORDERS)
        if function == "count":
            return f"(count({text}) {order} {rng.choice('0123')})"
        attribute = f'attributes["{rng.choice("ab")}"]'
        if inner.domain == "event":
            value, other = "time", row("start")
            if function == "sum" or row.domain != "span" or not self.extremes:
                value, other = "attributes.count", "0"
        else:
            choices = [(attribute, rng.choice(("0", "1", "1.5"))), ("kind", "2"), ("duration", "3ns")]
            if function in ("min", "max") and row.domain == "span" and self.extremes:
                choices.append(("start", row("start")))
                choices.append(("start", f"max(span : start) - {rng.choice('024')}ns"))
                choices.append((attribute, row(attribute)))
            value, other = rng.choice(choices)
        if function == "distinct":
            value = rng.choice((value, "name", "resource.service.name", "kind", "parent_span_id", "cyclic"))
            value = "start" if value == "kind" and not self.skew else value
            value = "name" if inner.domain == "event" else value
            if relation in ("ancestor", "descendant", "sibling") and not self.wild:
                text = text.replace(relation, "child", 1)
            other = rng.choice("0123")
        if function in ("min", "max") and rng.random() < 0.2:
            return f"({function}({text} : {inner(value)}) {rng.choice(('==', '!='))} nil)"
        return f"({function}({text} : {inner(value)}) {order} {other})"

    def time(self, row: Row, depth: int) -> str:
        rng = self.rng
        if row.domain != "span" and not self.wild:
            return self.quantified(row, depth)
        if rng.random() < 0.3 and not self.skew:
            at_end = rng.random() < 0.15
            sides = [self.operand(row, depth, joins=False, at_end=at_end) for _ in range(2)]
            return f"({sides[0]} {rng.choice(('since', 'until'))} {rng.choice(WINDOWS)}{sides[1]})"
        operator = rng.choice(("once", "historically", "eventually", "always"))
        return f"({operator} {rng.choice(WINDOWS)}{self.operand(row, depth, joins=True)})"

    def operand(self, row: Row, depth: int, *, joins: bool, at_end: bool | None = None) -> str:
        rng = self.rng
        relation = rng.choice(("span", "span", "span", "span", "link from span"))
        ends = rng.random() < 0.15 if at_end is None else at_end
        if joins or rng.random() < 0.3:
            text, inner = self.chosen(relation, row, depth, at_end=ends)
        else:
            inner = Row(rng.choice("uvw"), "span", at_hand=relation == "span")
            condition = self.condition(inner, None, depth - 1)
            if row.name and rng.random() < 0.3:
                condition = f"{condition} and {self.equality(inner, row)}"
            text = f"{relation} {inner.name}{' at end' if ends else ''} where {condition}"
        if rng.random() < 0.15:
            # Several points of one kind are one point.
            head = f"{relation} {inner.name}{' at end' if ends else ''}"
            other = f"{head} where {self.condition(inner, None, depth - 1)}"
            return f"(({text}) {rng.choice(('and', 'or'))} ({other}))" if rng.random() < 0.7 else f"(not {text})"
        return f"(not {text})" if rng.random() < 0.15 else f"({text})"

    def structure(self, row: Row, depth: int) -> str:
        one = Row("", "span")
        left, right = self.condition(one, None, depth - 2), self.condition(one, None, depth - 2)
        return f"({{ {left} }} {self.rng.choice(ARROWS)} {{ {right} }})"

    # Atoms

    def atom(self, row: Row) -> str:
        rng = self.rng
        if row.domain == "trace":
            return f"{row('spans.count')} {rng.choice(ORDERS)} {rng.choice('0135')}"
        attribute = row(f'attributes["{rng.choice("ab")}"]')
        if row.domain in ("event", "link"):
            choices = [
                f"{attribute} == nil",
                f'{row("span")}.name == "a"',
                f"{row('span')}.kind {rng.choice(ORDERS)} 2",
            ]
            choices.append(f'{row("name")} {rng.choice(ORDERS)} "a"' if row.domain == "event" else "true")
            return rng.choice(choices)
        choices = [
            f'{row("name")} {rng.choice(ORDERS)} "{rng.choice("abc")}"',
            f'{row("name")} == "{rng.choice("abc")}"',
            f"{row('kind')} {rng.choice(ORDERS)} {rng.choice('123')}",
            f"{attribute} {rng.choice(('==', '!='))} {rng.choice((*VALUES, 'nil'))}",
            f"{attribute} {rng.choice(ORDERS)} {rng.choice(VALUES[:6])}",
            f'{attribute} {rng.choice(("==", "!="))} {row("attributes")}["{rng.choice("ab")}"]',
            f"{row('duration')} {rng.choice(ORDERS)} {rng.choice('0123')}ns",
            f"{row('status.code')} {rng.choice(ORDERS)} 1",
            f'{row("resource.service.name")} == "{rng.choice("ab")}"',
            rng.choice(("true", "false")),
            rng.choice(MADE).format(attribute, row("name")),
        ]
        if not self.universal:
            choices += [
                f"{row('parent')} {rng.choice(('==', '!='))} nil",
                f'{row("parent.name")} == "{rng.choice("abc")}"',
                f"{row('start')} {rng.choice(ORDERS)} {row('parent.start')}",
                f'{row("root.name")} == "{rng.choice("abc")}"',
                f"{row('trace.spans.count')} {rng.choice(ORDERS)} {rng.choice('1234')}",
                row("cyclic"),
            ]
        if not row.name:
            choices.append("IsRootSpan()")
        return rng.choice(choices)

    # Between two rows

    def join(self, row: Row, outer: Row) -> str:
        return self.rng.choice((self.equality, self.inequality))(row, outer)

    def equality(self, row: Row, outer: Row) -> str:
        rng = self.rng
        if row.domain != "span" or outer.domain != "span":
            return self.atom(row)
        a, b = (f'attributes["{rng.choice("ab")}"]' for _ in range(2))
        pairs = [
            ("name", "name"), (a, b), (a, a), ("kind", "kind"), (a, "name"), (a, "kind"), ("name", a),
            ("duration", "duration"), ("resource.service.name", "resource.service.name"), ("status.code", "kind"),
            ("span_id", "parent_span_id"), ("trace_id", "trace_id"), ("kind + 1", "kind"), ("events.count", a),
        ]  # fmt: skip
        if not self.skew:
            pairs += [("start", "start"), ("start", "end"), ("start + 1ns", "end")]
        if not self.universal:
            pairs += [("parent.name", "name"), ("parent.name", "parent.name"), ("root.name", "root.name")]
            pairs += [("parent.span_id", "parent_span_id"), (a, "trace.spans.count"), ("cyclic", "cyclic")]
        if not row.name and row.at_hand and not self.universal:
            pairs.append(("count(event)", "kind"))
        return self._between(row, outer, rng.choice(pairs), "==")

    def inequality(self, row: Row, outer: Row) -> str:
        rng = self.rng
        if row.domain != "span" or outer.domain != "span":
            return self.atom(row)
        a, b = (f'attributes["{rng.choice("ab")}"]' for _ in range(2))
        operator = rng.choice(INEQUALITIES)
        pairs = [
            ("start", "start"), ("start", "end"), ("end", "start + 1ns"), ("duration", "duration"), ("kind", "kind"),
            ("kind", "status.code"), (a, b), (a, a), (a, "kind"), ("duration", "duration - 1ns"),
            ("kind", "kind - 0.5"),
        ]  # fmt: skip
        if operator == "!=":
            pairs = [(a, b), (a, a), ("name", "name"), ("kind", "kind"), ("resource.service.name", a)]
            pairs += [] if self.universal else [("cyclic", "cyclic")]
            pairs += [] if self.skew else [("start", "start"), ("end", "start")]
        elif not self.universal:
            pairs += [("start", "root.start"), ("start", "parent.start"), ("kind", "trace.spans.count")]
        return self._between(row, outer, rng.choice(pairs), operator)

    def _between(self, row: Row, outer: Row, pair: tuple[str, str], operator: str) -> str:
        sides = [f"{row(pair[0])}", f"{outer(pair[1])}"]
        if self.rng.random() < 0.3:
            sides.reverse()
        text = f"{sides[0]} {operator} {sides[1]}"
        return f"(not {text})" if self.rng.random() < 0.15 else text


class Monotone(Contract):
    """A rule of one polarity: `universal`, no span that arrives undoes a violation; else, none undoes a satisfaction.

    Atoms speak of what is settled when a span is there. A rule with a join begins to apply when the joined row comes:
    before that it is satisfied without having been asked, so only violations of such rules are final.
    """

    def __init__(self, rng: Random, *, depth: int = 3, universal: bool = True) -> None:
        super().__init__(rng, depth=0, universal=True)
        row = Row("s", "span")
        joins, rows = "", [row]
        if universal and rng.random() < 0.3:
            joins = " with parent p"
            rows.append(Row("p", "span", at_hand=False))
        at_end = " at end" if rng.random() < 0.15 else ""
        guard = f" where {self.atom(rng.choice(rows))}" if rng.random() < 0.5 else ""
        self.text = f"for each span s{at_end}{joins}{guard} require {self.polar(row, depth, universal=universal)}"
        if not universal:
            self.text = "assume nothing " + self.text

    def polar(self, row: Row, depth: int, *, universal: bool) -> str:
        rng = self.rng
        if depth <= 0 or not row.at_hand or row.domain != "span":
            return self.atom(row)
        choice = rng.random()
        if choice < 0.2:
            sides = [self.polar(row, depth - 1, universal=universal) for _ in range(2)]
            return f"({sides[0]} {rng.choice(('and', 'or'))} {sides[1]})"
        if choice < 0.3:
            return f"(not {self.polar(row, depth - 1, universal=not universal)})"
        if choice < 0.4:
            return self.atom(row)
        return rng.choice((self.polar_quantifier, self.polar_quantifier, self.polar_time, self.polar_count))(
            row, depth, universal=universal
        )

    def polar_points(self, relation: str, row: Row, depth: int) -> tuple[str, Row]:
        """`relation name where condition`, of the kind that more spans make true, and the chosen row."""
        rng = self.rng
        inner = Row(rng.choice("uvwxyz"), "event" if relation == "event" else "span", relation not in LINKED)
        at_end = " at end" if rng.random() < 0.2 and relation in ("span", "child", "descendant") else ""
        parts = [self.polar(inner, depth - 1, universal=False)]
        if inner.domain == "span" and row.name and rng.random() < 0.4 and row.name != inner.name:
            parts += [rng.choice((self.equality, self.inequality, self.equality))(inner, row)]
        return f"{relation} {inner.name}{at_end} where {' and '.join(parts)}", inner

    def polar_quantifier(self, row: Row, depth: int, *, universal: bool) -> str:
        relations = [one for one in RELATIONS if one != "root"]
        points, inner = self.polar_points(self.rng.choice(relations), row, depth)
        if not universal:
            return f"(exists {points})"
        if self.rng.random() < 0.5:
            return f"(not exists {points})"
        return f"(forall {points} require {self.polar(inner, depth - 1, universal=True)})"

    def polar_time(self, row: Row, depth: int, *, universal: bool) -> str:
        rng = self.rng
        points, _ = self.polar_points(rng.choice(("span", "span", "link from span")), row, depth)
        if universal and rng.random() < 0.5:
            return f"({rng.choice(('historically', 'always'))} {rng.choice(WINDOWS)}(not ({points})))"
        word = rng.choice(("once", "eventually"))
        return f"({'not ' if universal else ''}({word} {rng.choice(WINDOWS)}({points})))"

    def polar_count(self, row: Row, depth: int, *, universal: bool) -> str:
        rng = self.rng
        relation = rng.choice([one for one in RELATIONS if one not in SINGLE])
        inner = Row(rng.choice("uvw"), "event" if relation == "event" else "span", at_hand=relation not in LINKED)
        text = f"{relation} {inner.name} where {self.polar(inner, depth - 1, universal=False)}"
        if inner.domain == "span" and row.name and row.name != inner.name and rng.random() < 0.3:
            text += f" and {self.equality(inner, row)}"
        if rng.random() < 0.3 and relation in ("child", "span", "link", "link from span"):
            return f"(distinct({text} : {inner.name}.name) {rng.choice(('<=', '<') if universal else ('>', '>='))} 1)"
        return f"(count({text}) {rng.choice(('<=', '<') if universal else ('>', '>='))} {rng.choice('0123')})"
