"""One file of a source: whether it is a photo, what identifies it, what is noted of it."""
