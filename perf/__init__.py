"""One benchmark for each stage, each beside a peer that is measured in the same run."""
