"""The paths of the language as a table, for the documentation."""

from otlp_verifier.language.paths import ATTRIBUTES, FIELDS, KIND_STRINGS, STEPS, Type
from otlp_verifier.machine.operations import Domain

# Made of fields, see resolve.name.
_DEFECTS = "defects."
_COMPUTED = {
    Domain.SPAN: {
        "duration": Type.DURATION,
        **dict.fromkeys(KIND_STRINGS, Type.TEXT),
        **dict.fromkeys(("trace_id.string", "span_id.string", "parent_span_id.string"), Type.ID_TEXT),
    },
    Domain.LINK: dict.fromkeys(("trace_id.string", "span_id.string"), Type.ID_TEXT),
}


def markdown() -> str:
    """A table of all paths: of what, what it is called, what it is."""
    lines = ["| of a | path | is |", "| --- | --- | --- |"]
    for domain in (Domain.SPAN, Domain.EVENT, Domain.LINK, Domain.RESOURCE, Domain.SCOPE, Domain.TRACE):
        name = domain.name.lower()
        by_type: dict[str, list[str]] = {}
        for path, field in FIELDS[domain].items():
            if path.startswith(_DEFECTS):
                continue
            kind = f"{field.type.value} or nil" if field.known is not None else field.type.value
            by_type.setdefault(kind, []).append(path)
        for path, type_ in _COMPUTED.get(domain, {}).items():
            by_type.setdefault(type_.value, []).append(path)
        if domain in ATTRIBUTES:
            by_type["an attribute, or nil"] = ['attributes["key"]']
        for kind, paths in by_type.items():
            lines.append(f"| {name} | {', '.join(f'`{path}`' for path in paths)} | {kind} |")
        for relation, step in STEPS[domain].items():
            lines.append(f"| {name} | `{relation}` | the {step.domain.name.lower()}, with its paths |")
    defects = ", ".join(f"`{path}`" for path in FIELDS[Domain.SPAN] if path.startswith(_DEFECTS))
    lines.append(f"| any of these but a trace | {defects} | true or false: how it was encoded |")
    return "\n".join(lines) + "\n"
