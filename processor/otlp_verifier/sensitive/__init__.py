"""Secrets and personal data in texts: which classes there are, where they stand, and how they are shown without them.

`classes` is the table. A text is first tried against the shapes of all classes at once,
by RE2, in time that is linear in it; checksums and context are asked only where a
shape is found. `records` does that for all texts of a batch, once for each
distinct one; `masking` makes what people may see.
"""
