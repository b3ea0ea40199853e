"""What learns: all of a classifier, its head alone, or the last blocks of its backbone with it.

A block is the layers whose names begin alike: `block7a_` in EfficientNet and MnasNet, `block5_` in
VGG; where there are none (the two small networks), each convolution is one.
"""

from __future__ import annotations

import difflib
import re

import keras

from ray_jobs.contract.errors import SpecError, closest

_BLOCK = re.compile(r"(block\d+[a-z]*)_.+|(conv\d+)")
_LAST_BLOCKS = re.compile(r"last-(\d+)-blocks")


def set_trainable(
    whole: keras.Model, head: keras.Model, trainable: str, *, freeze_batchnorm: bool
) -> None:
    """Let some layers learn and the others not, whatever they did before.

    A batch norm that does not learn also leaves its statistics as they are, and uses them. A step
    that was traced before goes on as it was: trace it anew.

    Args:
      whole: a classifier, see `classifier.join`.
      head: its head, which learns always.
      trainable: `head`, `all`, `last-N-blocks` or `from:LAYER`, as a recipe says.
      freeze_batchnorm: no batch norm of the backbone learns.

    Raises:
      SpecError: more blocks than there are, or no such layer.
    """
    backbone = [layer for layer in whole.layers if layer is not head]
    start = _first_that_learns(backbone, trainable)
    for place, layer in enumerate(backbone):
        is_frozen = freeze_batchnorm and isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = place >= start and not is_frozen
    head.trainable = True


def _first_that_learns(backbone: list[keras.layers.Layer], trainable: str) -> int:
    """How many layers of the backbone, from its input on, do not learn."""
    names = [layer.name for layer in backbone]
    if trainable == "head":
        return len(names)
    if trainable == "all":
        return 0
    last = _LAST_BLOCKS.fullmatch(trainable)
    if last:
        return names.index(_nth_last_block(names, int(last[1])))
    return _place(names, trainable.removeprefix("from:"))


def _nth_last_block(names: list[str], number: int) -> str:
    firsts = _firsts_of_blocks(names)
    if number > len(firsts):
        raise SpecError(
            f"trainable is last-{number}-blocks",
            f"at most {len(firsts)} blocks, as many as the backbone has",
            f"Pass --set trainable=last-{len(firsts)}-blocks, or all",
        )
    return firsts[-number]


def _firsts_of_blocks(names: list[str]) -> list[str]:
    """The name of the first layer of each block."""
    firsts: dict[str, str] = {}
    for name in names:
        block = _BLOCK.fullmatch(name)
        if block:
            firsts.setdefault(block[1] or block[2], name)
    return list(firsts.values())


def _place(names: list[str], layer: str) -> int:
    if layer not in names:
        near = difflib.get_close_matches(layer, names, n=1)
        raise SpecError(
            f"the backbone has no layer '{layer}'",
            "the name of one of its layers",
            f"{closest(layer, near or _firsts_of_blocks(names))} Pass --set trainable=from:LAYER",
        )
    return names.index(layer)
