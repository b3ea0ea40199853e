"""Which photos look alike, among all of them."""
