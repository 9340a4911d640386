"""Which version of which conventions resources and scopes declare to follow, by their schema URLs."""

import numpy as np

from otlp_verifier.attributes.faults import Fault
from otlp_verifier.attributes.places import InForce, Place, UrlWord
from otlp_verifier.columns import ScopeNarrow
from otlp_verifier.kernels import inner, kernel
from otlp_verifier.kernels import types as ty
from otlp_verifier.machine.memory import address, narrow_column
from otlp_verifier.machine.operations import Domain
from otlp_verifier.wire.sources import NO_CODE

# Plain numbers for numba.
_URL_WORDS, _URLS, _IN_FORCE, _RECORDS, _FOUND = (
    int(each) for each in (Place.URL_WORDS, Place.URLS, Place.IN_FORCE, Place.RECORDS, Place.FOUND)
)
_U_REGISTRY, _U_VERSION = map(int, UrlWord)
_REGISTRY, _VERSION, _URL = map(int, InForce)
_RESOURCE, _SCOPE, _SCOPE_RESOURCE = int(Domain.RESOURCE), int(Domain.SCOPE), int(ScopeNarrow.RESOURCE)
_F_SCHEMA = np.uint32(Fault.SCHEMA_VERSION)
_NONE = np.uint32(NO_CODE)
_EVERY = 1 << 31


@kernel(ty.void(ty.int64[:, ::1], ty.uint32[::1]))
def find_versions(tables: np.ndarray, rows: np.ndarray) -> None:
    """The registry and version that each resource and scope declares; a scope without one has its resource's.

    Args:
        tables: int64 (tables, 2), as machine.memory.addresses makes them, in the order of places.Place.
        rows: uint32 (tables,): columns.Columns.rows.

    """
    at = address(tables)
    for domain in range(_RESOURCE, _SCOPE + 1):
        count = np.int64(rows[domain])
        urls = narrow_column(at, _URLS + domain, 0, 0, count)
        registries = narrow_column(at, _URL_WORDS, _U_REGISTRY, 0, _EVERY)
        versions = narrow_column(at, _URL_WORDS, _U_VERSION, 0, _EVERY)
        registry = narrow_column(at, _IN_FORCE + domain, _REGISTRY, 0, count)
        version = narrow_column(at, _IN_FORCE + domain, _VERSION, 0, count)
        url = narrow_column(at, _IN_FORCE + domain, _URL, 0, count)
        for row in range(count):
            registry[row], version[row] = registries[urls[row]], versions[urls[row]]
            url[row] = _NONE if registry[row] == _NONE else urls[row]
    resources = narrow_column(at, _RECORDS + _SCOPE, _SCOPE_RESOURCE, 0, np.int64(rows[_SCOPE]))
    for column in range(_URL + 1):
        of_scope = narrow_column(at, _IN_FORCE + 1, column, 0, np.int64(rows[_SCOPE]))
        of_resource = narrow_column(at, _IN_FORCE, column, 0, np.int64(rows[_RESOURCE]))
        urls = narrow_column(at, _URLS + _SCOPE, 0, 0, np.int64(rows[_SCOPE]))
        registries = narrow_column(at, _URL_WORDS, _U_REGISTRY, 0, _EVERY)
        for row in range(np.int64(rows[_SCOPE])):
            if registries[urls[row]] == _NONE:
                of_scope[row] = of_resource[resources[row]]


@inner
def find_newer(at: int, rows: np.ndarray, newest: np.ndarray) -> None:
    """Mark resources and scopes that declare a version newer than any that is known."""
    registries = narrow_column(at, _URL_WORDS, _U_REGISTRY, 0, _EVERY)
    versions = narrow_column(at, _URL_WORDS, _U_VERSION, 0, _EVERY)
    for domain in range(_RESOURCE, _SCOPE + 1):
        urls = narrow_column(at, _URLS + domain, 0, 0, np.int64(rows[domain]))
        found = narrow_column(at, _FOUND + domain, 0, 0, np.int64(rows[domain]))
        for row in range(np.int64(rows[domain])):
            registry = registries[urls[row]]
            if registry != _NONE and versions[urls[row]] > newest[registry]:
                found[row] |= _F_SCHEMA
