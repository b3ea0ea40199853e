"""Who is champion and why: the gate, a person's word, the pointer and its history."""
