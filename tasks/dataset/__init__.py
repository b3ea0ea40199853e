"""A data set version as it lies in the object store: its table of entries, its manifest."""
