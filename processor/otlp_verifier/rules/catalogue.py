"""The rules as data: every YAML file of this package, and a user's own files, as `Rule` objects.

A file holds a list of rules in YAML, or blocks `rule id { ... }` where its name ends
in `.rules`; a file of this package holds exactly one, named as the file is. All mistakes of
all files are reported at once.

Start-up pays for what the engine needs: `examples:` is the last key of a
package file, and the text from there on is half of the file and most of its
nodes, so it is not parsed until `examples` asks for it. Measured at 58 files, in
a new process: 25 ms instead of 65.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec
import yaml

from otlp_verifier.language.errors import RuleError, nearest
from otlp_verifier.policy import SeverityName
from otlp_verifier.rules import blocks
from otlp_verifier.rules.blocks import BlockEntry
from otlp_verifier.rules.errors import RuleFileError, RuleFileErrors, in_file
from otlp_verifier.rules.nodes import Entry, entries

DecidedBy = Literal["record", "batch", "trace"]
Parameter = int | str

PACKAGE: Final = Path(__file__).parent
_EXAMPLES: Final = re.compile(r"^  examples:", re.MULTILINE)
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
EXAMPLES_SUFFIX: Final = ".examples.yaml"
_PARAMETER: Final = re.compile(r"[a-z_][a-z0-9_]*")
_DURATION: Final = re.compile(r"(\d+(\.\d+)?(ns|us|ms|s|m|h))+")


class Source(msgspec.Struct, frozen=True):
    """Where a rule comes from: the section of a specification, and a link to it."""

    section: str
    link: str


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One formula and all that its entry says; nothing is compiled.

    Attributes:
        id: stable and unique.
        severity: of its findings.
        level: how binding the source is: RFC 2119 words in capitals, lower case for normative prose, `derived`,
            `heur` for heuristics, `policy` for a user's own.
        decided_by: the smallest evidence that decides it, for people: what the engine waits for follows from the
            formula. None: the author does not say. `record`: one span, event, link, resource or scope;
            `batch`: records that arrived together; `trace`: a trace known to be complete.
        default: whether it is part of the default set.
        description: the promise, one sentence in plain words.
        rule: the formula in the rule language.
        part: an entry may make its promise about several kinds of records, with a formula for each: they become rules
            with the same id, numbered 0, 1, 2, ...
        message: what a finding says; `{expression}` is replaced by its value. Empty: the description.
        parameters: named constants of the formula: integers, or durations as text such as `1ms`.
        remedy: what to do about a finding.
        traps: cases that look like violations and are none, with how the rule deals with each.
        sources: where the promise is made.
        family: the folder of the package file; empty for a user's rule.
        file, line: where the entry begins; `line` counts from 1.
        rule_line: the line of the file on which the formula's first line stands.
        message_line: the same for the message; 0 where there is none.

    """

    id: str
    severity: SeverityName
    level: str = "policy"
    decided_by: DecidedBy | None = None
    default: bool = True
    description: str
    rule: str
    part: int = 0
    message: str = ""
    parameters: Mapping[str, Parameter] = {}
    remedy: str = ""
    traps: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    family: str = ""
    file: str
    line: int
    rule_line: int
    message_line: int = 0

    @property
    def promises(self) -> tuple[tuple[str, str], ...]:
        """Section and link of each of its sources."""
        return tuple((source.section, source.link) for source in self.sources)

    @property
    def link(self) -> str:
        """Where the promise is made, by the first of its sources; empty without one."""
        return self.sources[0].link if self.sources else ""


_REQUIRED: Final = ("id", "severity", "description", "rule")
_KEYS: Final = (
    "id", "severity", "level", "decided_by", "default", "description", "rule", "message", "parameters", "remedy",
    "traps", "sources", "examples",
)  # fmt: skip
_AS_THEY_ARE: Final = ("id", "severity", "level", "decided_by", "default", "description", "parameters", "remedy")


def load(files: Iterable[Path] = ()) -> tuple[Rule, ...]:
    """Read the package's rules and those of `files`; sorted by id.

    Raises:
        RuleFileErrors: what is wrong, all of it: each with file, line, what was expected and the nearest known name.

    """
    errors: list[RuleFileError] = []
    rules = list(_package(errors))
    for file in files:
        rules.extend(read(file, errors))
    check_ids(rules, errors)
    if errors:
        raise RuleFileErrors(errors)
    return tuple(sorted(rules, key=lambda rule: (rule.id, rule.part)))


def read(path: Path, errors: list[RuleFileError]) -> list[Rule]:
    """Read the rules of one file that are well formed; what is wrong with the others is added to `errors`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        errors.append(RuleFileError(str(path), 0, f"cannot be read: {error}"))
        return []
    found: Iterator[Entry | BlockEntry]
    found = (blocks.entries if path.suffix == blocks.SUFFIX else entries)(str(path), text, errors)
    return [rule for entry in found for rule in _rules(entry, "", errors)]


def check_ids(rules: Iterable[Rule], errors: list[RuleFileError]) -> None:
    """Add to `errors` every rule whose id another one has."""
    taken: dict[str, Rule] = {}
    for rule in rules:
        first = taken.setdefault(rule.id, rule)
        if rule.part == 0 and first is not rule:
            message = f"id `{rule.id}` is taken by {first.file}, line {first.line}"
            errors.append(RuleFileError(rule.file, rule.line, message))


@functools.cache
def builtin() -> tuple[Rule, ...]:
    """Return the package's rules, sorted by id; they are read once per process."""
    return load()


def examples(rule: Rule) -> Mapping[str, Any]:
    """Read the `examples` of a rule: `fires` and `silent`, lists of mappings; see example.py.

    A rule in YAML holds them itself. Those of `shop.rules` stand in `shop.examples.yaml`, by the rules' ids.

    Raises:
        RuleFileErrors: the file has changed since the rule was read, and no longer holds it.
        OSError: the file cannot be read.

    """
    errors: list[RuleFileError] = []
    path = Path(rule.file)
    if path.suffix == blocks.SUFFIX:
        return _examples_beside(rule, path.with_suffix(EXAMPLES_SUFFIX))
    for entry in entries(rule.file, path.read_text(encoding="utf-8"), errors):
        if entry.value.get("id") == rule.id:
            found = entry.value.get("examples") or {}
            if isinstance(found, dict):
                return found
            errors.append(entry.error("examples", "expected a mapping with the keys fires and silent"))
    raise RuleFileErrors(errors or [RuleFileError(rule.file, rule.line, f"`{rule.id}` is not in this file any more")])


def located(error: RuleError, rules: Iterable[Rule]) -> RuleFileError:
    """A mistake that the compiler found, with its place in the file of its rule.

    Raises:
        OSError: the file cannot be read.

    """
    # A rule with several formulas: the one that has this line.
    rule = next(rule for rule in rules if rule.id == error.rule and error.source in rule.rule)
    return in_file(error, rule.file, Path(rule.file).read_text(encoding="utf-8"), rule.rule_line)


def _examples_beside(rule: Rule, path: Path) -> Mapping[str, Any]:
    if not path.exists():
        return {}
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RuleFileErrors([RuleFileError(str(path), 0, f"no YAML: {' '.join(str(error).split())}")]) from None
    if not isinstance(found, dict) or not isinstance(found.get(rule.id, {}), dict):
        message = f"expected rule ids, each with the keys fires and silent; found {_shown(found)}"
        raise RuleFileErrors([RuleFileError(str(path), 1, message)])
    of_rule: Mapping[str, Any] = found.get(rule.id, {})
    return of_rule


def _package(errors: list[RuleFileError]) -> Iterator[Rule]:
    for path in sorted(PACKAGE.glob("*/*.yaml")):
        text = path.read_text(encoding="utf-8")
        cut = _EXAMPLES.search(text)
        found = list(entries(str(path), text[: cut.start()] if cut else text, errors))
        if len(found) != 1:
            errors.append(RuleFileError(str(path), 1, f"expected exactly one rule in a file, found {len(found)}"))
            continue
        made = _rules(found[0], path.parent.name, errors)
        if made and made[0].id != path.stem:
            errors.append(found[0].error("id", f"expected `{path.stem}`, the file's name; found `{made[0].id}`"))
        yield from made


def _rules(entry: Entry | BlockEntry, family: str, errors: list[RuleFileError]) -> list[Rule]:
    """Make the rules that an entry states; where something is wrong with it, none, and what it is in `errors`."""
    before = len(errors)
    value = entry.value
    errors.extend(
        entry.error(key, f"unknown key `{key}`{nearest(str(key), _KEYS)} (known: {', '.join(_KEYS)})")
        for key in value
        if key not in _KEYS
    )
    missing = [key for key in _REQUIRED if key not in value]
    if missing:
        errors.append(entry.error(None, f"expected the key{'s' * (len(missing) > 1)} {', '.join(missing)}"))
    errors.extend(
        entry.error(key, f"{key}: expected text, found {_shown(value[key])}")
        for key in ("id", "level", "description", "remedy")
        if key in value and not _is_text(value[key])
    )
    if isinstance(value.get("id"), str) and not _ID.fullmatch(value["id"]):
        errors.append(entry.error("id", f"id: expected lower case words joined by `-`, found `{value['id']}`"))
    _one_of(entry, "severity", get_args(SeverityName), errors)
    _one_of(entry, "decided_by", get_args(DecidedBy), errors)
    if not isinstance(value.get("default", True), bool):
        errors.append(entry.error("default", f"default: expected true or false, found {_shown(value['default'])}"))
    _check_formulas(entry, errors)
    _check_parameters(entry, errors)
    _check_traps(entry, errors)
    _check_sources(entry, errors)
    if len(errors) > before:
        return []
    formulas, messages = _texts(value["rule"]), _texts(value.get("message", ""))
    return [
        Rule(
            rule=formula,
            part=part,
            message=messages[part] if len(messages) > 1 else messages[0],
            traps=tuple(value.get("traps", ())),
            sources=tuple(Source(**source) for source in value.get("sources", ())),
            family=family,
            file=entry.file,
            line=entry.line(None),
            rule_line=entry.first_line("rule", part),
            message_line=entry.first_line("message", part if len(messages) > 1 else 0) if "message" in value else 0,
            **{key: value[key] for key in _AS_THEY_ARE if key in value},
        )
        for part, formula in enumerate(formulas)
    ]


def kind_of_parameter(constant: object) -> str:
    """What a named constant is; nothing for what can be none."""
    if isinstance(constant, int) and not isinstance(constant, bool):
        return "an integer"
    return "a duration" if isinstance(constant, str) and _DURATION.fullmatch(constant) else ""


def _texts(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _check_formulas(entry: Entry | BlockEntry, errors: list[RuleFileError]) -> None:
    counts = {}
    for key in ("rule", "message"):
        value = entry.value.get(key, "unsaid")
        texts = value if isinstance(value, list) else [value]
        counts[key] = len(texts)
        if not texts or not all(_is_text(text) for text in texts):
            errors.append(entry.error(key, f"{key}: expected text or a list of texts, found {_shown(value)}"))
    if counts["message"] not in (1, counts["rule"]):
        message = f"message: expected one for all formulas or {counts['rule']}, as there are formulas"
        errors.append(entry.error("message", f"{message}; found {counts['message']}"))


def _one_of(entry: Entry | BlockEntry, key: str, known: tuple[str, ...], errors: list[RuleFileError]) -> None:
    if key not in entry.value or entry.value[key] in known:
        return
    found = entry.value[key]
    hint = nearest(found, known) if isinstance(found, str) else ""
    errors.append(entry.error(key, f"{key}: expected one of {', '.join(known)}, found {_shown(found)}{hint}"))


def _check_parameters(entry: Entry | BlockEntry, errors: list[RuleFileError]) -> None:
    parameters = entry.value.get("parameters", {})
    if not isinstance(parameters, dict):
        errors.append(entry.error("parameters", f"parameters: expected a mapping, found {_shown(parameters)}"))
        return
    for name, constant in parameters.items():
        if not (isinstance(name, str) and _PARAMETER.fullmatch(name)):
            message = f"parameters: expected a name of lower case letters, digits and `_`, found {_shown(name)}"
            errors.append(entry.error("parameters", message))
        if not kind_of_parameter(constant):
            message = f"parameters.{name}: expected an integer or a duration such as 1ms, found {_shown(constant)}"
            errors.append(entry.error("parameters", message))


def _check_traps(entry: Entry | BlockEntry, errors: list[RuleFileError]) -> None:
    traps = entry.value.get("traps", [])
    if not isinstance(traps, list) or not all(_is_text(trap) for trap in traps):
        errors.append(entry.error("traps", f"traps: expected a list of sentences, found {_shown(traps)}"))


def _check_sources(entry: Entry | BlockEntry, errors: list[RuleFileError]) -> None:
    sources = entry.value.get("sources", [])
    if not isinstance(sources, list):
        errors.append(entry.error("sources", f"sources: expected a list, found {_shown(sources)}"))
        return
    for source in sources:
        is_complete = isinstance(source, dict) and set(source) == {"section", "link"}
        if not is_complete or not all(_is_text(text) for text in source.values()):
            message = f"sources: expected entries with the keys section and link, found {_shown(source)}"
            errors.append(entry.error("sources", message))


def _shown(value: object) -> str:
    text = "nothing" if value is None else f"`{value}`"
    return text if len(text) <= 60 else text[:57] + "...`"
