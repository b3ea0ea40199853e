"""The TFRecord files that trainings read."""
