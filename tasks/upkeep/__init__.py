"""What may be removed, of data sets and of runs, and its removal."""
