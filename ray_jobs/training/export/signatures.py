"""The names under which an export answers."""

PIXELS = "serving_default"
"""`images` -> `probabilities`; every format has it, under these names."""

FILES = "encoded"
"""`encoded` -> `label`, `probabilities`, `classes`; of the SavedModel alone."""
