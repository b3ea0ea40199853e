"""What glibc does with memory that TensorFlow frees."""

from __future__ import annotations

import ctypes

# What a process must be started with: by itself glibc gives each thread a heap of its own, which
# maps arrays of more than 64 MB anew whatever `keep_freed_memory` says; and it asks for no huge
# pages where Linux gives them to who asks (glibc 2.35 and later; a step is 2 to 3% faster).
ENVIRONMENT = {"MALLOC_ARENA_MAX": "1", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}

# Numbers of `mallopt` (glibc's malloc.h).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_NEVER, _LARGEST_ARRAY = 2**31 - 1, 2**30


def keep_freed_memory() -> bool:
    """Have large arrays come from memory that was used before; False where there is no glibc.

    By itself glibc maps each array of more than 32 MB anew and gives it back at once, so that a
    batch costs a page fault for each 4 kB of it, every step: on batches of 32 images of 300 px,
    most of the time of mixing them. A process then keeps what it has needed at its peak.

    A distributed data set undoes it: under Python 3.11 TensorFlow 2.21 sets the bound itself, to
    128 kB, with each iterator of one (`GeneratorDatasetOp`). A step then takes twice the CPU.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    values = {_M_MMAP_THRESHOLD: _LARGEST_ARRAY, _M_TRIM_THRESHOLD: _NEVER}
    return all([mallopt(name, value) == 1 for name, value in values.items()])
