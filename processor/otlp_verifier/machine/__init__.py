"""The vector machine: one kernel that runs any set of rules over a batch's columns."""
