"""Which rules a configuration selects, as it wants them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import structs
from msgspec.structs import replace

from otlp_verifier.groups import groups, ids_of_groups, named, unknown
from otlp_verifier.language.errors import nearest
from otlp_verifier.policy import Policy
from otlp_verifier.rules.catalogue import Rule, load
from otlp_verifier.rules.errors import RuleFileError, RuleFileErrors
from otlp_verifier.settings import SettingsFile
from otlp_verifier.tuning import tuned

if TYPE_CHECKING:
    from otlp_verifier.weaver import Loaded


def loaded(file: SettingsFile) -> "Loaded | None":
    """The registries of the configuration; None: it names none, and there is OpenTelemetry's alone.

    Raises:
        RuleFileErrors: what is wrong with their files.

    """
    if not file.settings.registries:
        return None
    from otlp_verifier import weaver  # noqa: PLC0415  # few configurations name one

    return weaver.load(file.resolve(name) for name in file.settings.registries)


def with_registries(file: SettingsFile, paths: Sequence[Path]) -> SettingsFile:
    """The configuration with more registries, asked before those that it names; paths start where the process runs."""
    more = tuple(str(path.absolute()) for path in paths)
    settings = structs.replace(file.settings, registries=(*more, *file.settings.registries))
    return replace(file, settings=settings)


def selected(file: SettingsFile, registries: "Loaded | None" = None) -> tuple[Rule, ...]:
    """The rules that `rules` in the configuration selects, tuned as it says, sorted by id.

    Args:
        file: the configuration.
        registries: as `loaded` makes them, where the caller has them; else they are read.

    Raises:
        SettingsError: a name in `rules` or in a policy that no rule has; what a rule cannot be tuned to.
        RuleFileErrors: a rule file or a registry cannot be read.

    """
    return _selected(file, known(file, registries))


def known(file: SettingsFile, registries: "Loaded | None" = None) -> tuple[Rule, ...]:
    """The package's rules, those of the configuration's rule files, and those that its registries make, sorted by id.

    Raises:
        RuleFileErrors: a rule file or a registry cannot be read, or an id is the name of a group.

    """
    rules = load(file.resolve(name) for name in file.settings.rules.files)
    found = registries or loaded(file)
    if found is not None:
        rules = (*rules, *_of_registries(found, rules))
    errors = ids_of_groups(rules)
    if errors:
        raise RuleFileErrors(errors)
    return tuple(sorted(rules, key=lambda rule: (rule.id, rule.part)))


def surveyed(file: SettingsFile) -> tuple[tuple[Rule, bool], ...]:
    """All rules that are `known`, in that order, and whether they run: those that do as the configuration tunes them.

    Raises:
        SettingsError, RuleFileErrors: as `selected`.

    """
    rules = known(file)
    running = {(rule.id, rule.part): rule for rule in _selected(file, rules)}
    return tuple((running.get((rule.id, rule.part), rule), (rule.id, rule.part) in running) for rule in rules)


def _selected(file: SettingsFile, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    names = groups(rules)
    chosen = _chosen(file, names)
    for at, policy in _policies(file):
        _check_policy(file, policy, rules, chosen, at)
    return tuned(file, [rule for rule in rules if rule.id in chosen], names)


def _of_registries(found: "Loaded", rules: Sequence[Rule]) -> Iterator[Rule]:
    """The rules that registries make; a registry's name is that of a group, and has to be free."""
    from otlp_verifier.conventions.promises import of_registry  # noqa: PLC0415  # as above

    taken = groups(rules)
    errors = []
    for registry in found.registries.all[:-1]:
        if registry.name in taken:
            message = f"the registry's name `{registry.name}` stands for rules already: choose another in its manifest"
            errors.append(RuleFileError(found.files[registry.name], 0, message))
        yield from of_registry(registry, found.registries, found.places[registry.name])
    if errors:
        raise RuleFileErrors(errors)


class UnknownNameError(ValueError):
    """A caller asked for a rule or family that does not exist.

    Attributes:
        asked: for which of the two it was given.

    """

    def __init__(self, message: str, asked: Literal["select", "ignore"]) -> None:
        super().__init__(message)
        self.asked = asked


def narrowed(file: SettingsFile, select: Sequence[str], ignore: Sequence[str]) -> SettingsFile:
    """The configuration with other rules: `select` instead of those that it selects, `ignore` besides what it ignores.

    Args:
        file: the configuration; its policies lose what they say about rules that no longer run.
        select: names of `groups`; none: as the configuration says.
        ignore: the same, to be left out.

    Raises:
        UnknownNameError: there is no rule or family of that name.
        SettingsError, RuleFileErrors: as `selected`.

    """
    if not select and not ignore:
        return file
    rules = known(file)
    names = groups(rules)
    asked: tuple[tuple[Literal["select", "ignore"], Sequence[str]], ...] = (("select", select), ("ignore", ignore))
    for which, given in asked:
        for name in given:
            if name not in names:
                raise UnknownNameError(unknown(name, names), which)
    settings = file.settings
    for at, policy in _policies(file):  # a name that no rule has is a mistake whatever is asked for
        _check_policy(file, policy, rules, {rule.id for rule in rules}, at)
    narrow = structs.replace(
        settings.rules, select=tuple(select) or settings.rules.select, ignore=(*settings.rules.ignore, *ignore)
    )
    file = replace(file, settings=structs.replace(settings, rules=narrow))
    running = _chosen(file, names)
    policy = _only(settings.policy, running)
    profiles = {name: _only(profile, running) for name, profile in settings.profiles.items()}
    return replace(file, settings=structs.replace(file.settings, policy=policy, profiles=profiles))


def _only(policy: Policy, running: set[str]) -> Policy:
    """A policy without what it says about rules that do not run, which would be mistakes in a configuration."""
    lines = [
        structs.replace(line, rules=tuple(name for name in line.rules if name in running))
        for line in policy.actions
        if not line.rules or running.intersection(line.rules)
    ]
    return structs.replace(policy, actions=tuple(lines))


def _chosen(file: SettingsFile, names: Mapping[str, set[str]]) -> set[str]:
    """The ids of the rules that run."""
    rules = file.settings.rules
    return named(file, rules.select, names, ("rules", "select")) - named(file, rules.ignore, names, ("rules", "ignore"))


def _policies(file: SettingsFile) -> Iterator[tuple[tuple[str, ...], Policy]]:
    """The policies of a configuration and where in it they stand."""
    yield ("policy",), file.settings.policy
    for name, policy in file.settings.profiles.items():
        yield ("profiles", name), policy


def _check_policy(
    file: SettingsFile, policy: Policy, rules: Iterable[Rule], chosen: set[str], at: tuple[str, ...]
) -> None:
    for number, action in enumerate(policy.actions):
        for position, name in enumerate(action.rules):
            if name in chosen:
                continue
            ids = {rule.id for rule in rules}
            why = "`rules` does not select it" if name in ids else f"no rule is called that{nearest(name, ids)}"
            raise file.error((*at, "actions", number, "rules", position), f"`{name}`: {why}")
