"""`python -m otlp_verifier.cli`: the command line of a source tree that is not installed."""

from otlp_verifier.cli import main

main(prog_name="otlp-verifier")
