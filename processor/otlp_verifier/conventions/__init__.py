"""Rules made from a registry: what its conventions ask of spans and span events, as formulas of the rule language.

`cases` says by what a record is known to follow a convention and what it then has to have, `formulas` writes that
down, `make` makes rules of it: those of OpenTelemetry's registry are checked in, those of your own are made when the
configuration is read.
"""
