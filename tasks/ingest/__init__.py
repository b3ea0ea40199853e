"""From a source to a data set version, in four steps that may each run again."""
