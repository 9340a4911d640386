"""The vector machine: one numba kernel that runs any set of rules over a batch's columns."""
