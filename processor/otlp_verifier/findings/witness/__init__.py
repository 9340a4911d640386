"""Why a finding is one, and whether it is: each that is shown is judged a second time by a walk of its rule's tree.

`rows` and `trace` make records of the columns and relate them anew, `expressions` and `evaluate` walk the tree,
`explain` says what decided and what came closest, `recheck` puts them together; `data` is what reports carry.
"""

from otlp_verifier.findings.witness.data import BYTES_MAX, Measure, NearMiss, Witness, WitnessSpan
from otlp_verifier.findings.witness.recheck import Rechecker, Witnesses

__all__ = ["BYTES_MAX", "Measure", "NearMiss", "Rechecker", "Witness", "WitnessSpan", "Witnesses"]
