"""The ten faults of the demonstration: what goes wrong, where, and which rules have to say so."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Fault:
    """One way in which real telemetry goes wrong.

    Attributes:
        name: how the demonstration calls it.
        story: what happens in the shop.
        rules: the rules of which at least one must report it.

    """

    name: str
    story: str
    rules: tuple[str, ...]


FAULTS: Final = (
    Fault("clock-set-back", "the payment host's clock is set back during a call", ("span-end-before-start",)),
    Fault("lost-parent", "the cart's exporter loses a span whose child arrives", ("parent-missing-local",)),
    Fault("parent-cycle", "a patched context makes two spans each other's parent", ("parent-cycle",)),
    Fault("same-span-id", "a forked worker repeats its random numbers", ("span-id-conflict",)),
    Fault("sent-twice", "an exporter is registered twice", ("span-duplicate-exact",)),
    Fault("seconds-for-nanoseconds", "a home-made timer hands over seconds", ("timestamp-unit-suspect",)),
    Fault("child-before-parent", "a span is back-dated to before its parent", ("child-starts-before-parent-local",)),
    Fault("nameless-span", "a span is started with an empty name", ("span-name-empty",)),
    Fault("nameless-service", "an SDK is set up without a resource", ("service-name-missing",)),
    Fault("attribute-twice", "a home-made exporter writes one attribute key twice", ("attr-key-duplicate",)),
)
