"""Files of rules in canonical form; what cannot be rewritten without loss stays as it is and is named.

In a `.rules` file each block is rewritten, and what stands between blocks stays:
comments there are kept. In YAML only literal blocks (`rule: |`) are rewritten,
line by line, and only if YAML then reads everything else as before. A formula
with a comment in it stays as it is: the tree does not know comments.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

from otlp_verifier.language.errors import RuleError
from otlp_verifier.language.formatter import block_text, body_text
from otlp_verifier.language.lexer import has_comment
from otlp_verifier.language.parser import parse_rule, read_rules
from otlp_verifier.rules import blocks
from otlp_verifier.rules.errors import RuleFileError, RuleFileErrors, in_file


def formatted(path: Path, text: str) -> tuple[str, list[str]]:
    """The text of a file in canonical form, and what was left as it is, with why.

    Raises:
        RuleFileErrors: rules that cannot be read.

    """
    errors: list[RuleFileError] = []
    make = _of_blocks if path.suffix == blocks.SUFFIX else _of_yaml
    made, left = make(str(path), text, errors)
    if errors:
        raise RuleFileErrors(errors)
    return made, left


def _of_blocks(file: str, text: str, errors: list[RuleFileError]) -> tuple[str, list[str]]:
    found, mistakes = read_rules(text)
    errors.extend(in_file(error, file, text) for error in mistakes)
    left: list[str] = []
    pieces: list[str] = []
    at = 0
    for block in found:
        between = text[at : block.offset]
        pieces.append(between.strip("\n") if between.strip() else "\n" * bool(pieces))
        if pieces[-1].strip():
            pieces[-1] = "\n" * bool(at) + pieces[-1].rstrip(" \t") + "\n" * (1 + between.endswith("\n\n"))
        at = block.end + 1
        written = text[block.offset : at]
        if has_comment(written):
            line = text.count("\n", 0, block.offset) + 1
            left.append(f"{file}:{line}: {block.id} has a comment in it and stays as it is")
            pieces.append(written + "\n")
        else:
            pieces.append(block_text(block))
    after = text[at:].strip()
    return "".join(pieces) + (f"\n{after}\n" if after and pieces else after), left


def _of_yaml(file: str, text: str, errors: list[RuleFileError]) -> tuple[str, list[str]]:
    left: list[str] = []
    lines = text.split("\n")
    try:
        root = yaml.compose(text, yaml.CSafeLoader)
    except yaml.YAMLError as error:
        errors.append(RuleFileError(file, 1, f"no YAML: {' '.join(str(error).split())}"))
        return text, left
    formulas = list(_formulas(root))
    for node in reversed(formulas):  # from below, so that line numbers above stay
        first = node.start_mark.line + 1
        try:
            made = body_text(parse_rule(node.value))
        except RuleError as error:
            errors.append(in_file(error, file, text, first + (node.style == "|")))
            continue
        if node.value.rstrip("\n") == made.rstrip("\n"):
            continue
        why = ""
        if node.style != "|":
            why = "is no literal block (`rule: |`)"
        elif has_comment(node.value):
            why = "has a comment in it"
        else:
            replaced = _replaced(lines, node, made)
            if _same_but_for_formulas(text, "\n".join(replaced)):
                lines = replaced
            else:
                why = "cannot be rewritten without changing what YAML reads around it"
        if why:
            left.append(f"{file}:{first}: the formula {why} and stays as it is")
    return "\n".join(lines), left[::-1]


def _formulas(root: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    entries = root.value if isinstance(root, yaml.SequenceNode) else []
    for entry in entries:
        for key, value in entry.value if isinstance(entry, yaml.MappingNode) else ():
            if key.value == "rule":
                nodes = value.value if isinstance(value, yaml.SequenceNode) else [value]
                yield from (node for node in nodes if isinstance(node, yaml.ScalarNode))


def _replaced(lines: list[str], node: yaml.ScalarNode, made: str) -> list[str]:
    """The lines of a file with those of one literal block replaced."""
    first = node.start_mark.line + 1
    end = first
    indent = next((len(line) - len(line.lstrip(" ")) for line in lines[first:] if line.strip()), 0)
    while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip(" ")) >= indent):
        end += 1
    while not lines[end - 1].strip():  # blank lines below belong to what follows
        end -= 1
    return [*lines[:first], *(" " * indent + line for line in made.split("\n")[:-1]), *lines[end:]]


def _same_but_for_formulas(before: str, after: str) -> bool:
    def rest(text: str) -> list[object]:
        loaded = yaml.load(text, yaml.CSafeLoader)
        return [{k: v for k, v in entry.items() if k != "rule"} for entry in loaded]

    return rest(before) == rest(after)
