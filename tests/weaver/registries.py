"""A small registry in both dialects, and how to write one to a folder."""

from pathlib import Path
from textwrap import dedent

MANIFEST = """\
name: acme
description: What the shop records.
schema_url: https://acme.example/schemas/1.2.0
dependencies:
  - schema_url: https://opentelemetry.io/schemas/1.40.0
    registry_path: https://github.com/open-telemetry/semantic-conventions@v1.40.0[model]
"""
CLASSIC = """\
groups:
  - id: registry.acme
    type: attribute_group
    display_name: The shop
    brief: What the shop knows.
    attributes:
      - id: acme.order.id
        type: int
        stability: stable
        brief: Which order.
        examples: [7, 8]
      - id: acme.order.state
        type:
          allow_custom_values: true
          members:
            - {id: placed, value: placed, brief: It is there., stability: stable}
            - {id: paid, value: paid, stability: stable, deprecated: {reason: renamed, renamed_to: settled}}
        stability: development
        brief: How far it is.
      - id: acme.note
        type: template[string[]]
        stability: experimental
        brief: Notes.
        examples: [["a"]]
      - id: acme.order.number
        type: string
        stability: stable
        brief: Its old name.
        deprecated: {reason: renamed, renamed_to: acme.order.id, note: Numbers are ids now.}
      - id: acme.till
        type: string
        stability: stable
        brief: Which till.
        deprecated: There are no tills any more.
  - id: attributes.acme.order
    type: attribute_group
    brief: What all about orders has.
    attributes:
      - ref: acme.order.id
        requirement_level: required
      - ref: enduser.id
        requirement_level:
          conditionally_required: If somebody is logged in.
  - id: span.acme.order.place
    type: span
    span_kind: client
    stability: stable
    brief: An order is placed.
    extends: attributes.acme.order
    attributes:
      - ref: acme.order.state
        requirement_level: {recommended: Where it is known.}
      - ref: server.address
        requirement_level: required
        sampling_relevant: true
      - ref: acme.note
        requirement_level: opt_in
  - id: event.acme.order.lost
    type: event
    name: acme.order.lost
    stability: development
    brief: An order got lost.
    attributes:
      - ref: acme.order.id
        requirement_level: required
  - id: entity.acme.shop
    type: entity
    name: acme.shop
    stability: development
    brief: A shop.
    attributes:
      - {ref: service.name, role: identifying, requirement_level: required}
      - {ref: service.version, role: descriptive}
  - id: metric.acme.orders
    type: metric
    metric_name: acme.orders
    instrument: counter
    unit: "{order}"
    stability: development
    brief: How many.
    entity_associations: [acme.shop]
    attributes:
      - ref: acme.order.state
imports:
  events: [session.*]
  metrics: [http.server.*]
"""
DEFINITION_2 = """\
file_format: definition/2
attributes:
  - key: acme.order.id
    type: int
    stability: stable
    brief: Which order.
    examples: [7, 8]
  - key: acme.order.state
    type:
      members:
        - {id: placed, brief: It is there., stability: stable}
        - {id: paid, value: paid, stability: stable, deprecated: {reason: renamed, renamed_to: settled, note: x}}
    stability: development
    brief: How far it is.
  - key: acme.note
    type: template[string[]]
    stability: development
    brief: Notes.
  - key: acme.order.number
    type: string
    stability: stable
    brief: Its old name.
    deprecated: {reason: renamed, renamed_to: acme.order.id, note: Numbers are ids now.}
  - key: acme.till
    type: string
    stability: stable
    brief: Which till.
    deprecated: {reason: uncategorized, note: There are no tills any more.}
attribute_groups:
  - id: attributes.acme.order
    visibility: internal
    attributes:
      - ref: acme.order.id
        requirement_level: required
      - ref: enduser.id
        requirement_level:
          conditionally_required: If somebody is logged in.
spans:
  - type: acme.order.place
    kind: client
    name: {note: "place {acme.order.id}"}
    stability: stable
    requirement_level: recommended
    brief: An order is placed.
    attributes:
      - ref_group: attributes.acme.order
      - ref: acme.order.state
        requirement_level: {recommended: Where it is known.}
      - ref: server.address
        requirement_level: required
        sampling_relevant: true
      - ref: acme.note
        requirement_level: opt_in
events:
  - name: acme.order.lost
    stability: development
    brief: An order got lost.
    attributes:
      - ref: acme.order.id
        requirement_level: required
entities:
  - type: acme.shop
    stability: development
    brief: A shop.
    identity:
      - {ref: service.name, requirement_level: required}
    description:
      - ref: service.version
metrics:
  - name: acme.orders
    instrument: counter
    unit: "{order}"
    stability: development
    brief: How many.
    entity_associations:
      - one_of: [acme.shop]
    attributes:
      - ref: acme.order.state
imports:
  events: [session.*]
  metrics: [http.server.*]
"""


def written(folder: Path, text: str, manifest: str = MANIFEST) -> Path:
    """A registry with one file of definitions."""
    (folder / "model").mkdir(parents=True, exist_ok=True)
    if manifest:
        (folder / "manifest.yaml").write_text(dedent(manifest), encoding="utf-8")
    (folder / "model" / "shop.yaml").write_text(dedent(text), encoding="utf-8")
    return folder
