"""Which span is whose parent, which spans make a trace: index columns over a batch."""
