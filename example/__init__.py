"""The demonstration behind `make run`: a small shop, its collector, the verifier, and ten faults."""
