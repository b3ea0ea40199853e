"""What a trigger may ask for, whether the cluster can give it, and the run that comes of it."""
