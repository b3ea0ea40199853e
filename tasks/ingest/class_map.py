"""A class map: classes of a source renamed, merged, dropped, or grouped by the start of a name.

```yaml
rename: {可回收物/易拉罐: can}
merge:
  glass: [可回收物/玻璃杯, 可回收物/酒瓶]
drop: [其他垃圾/烟蒂]
part_before: /      # every other class: the part of its name before the first '/'
```
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ray_jobs.contract.errors import SpecError, closest
from tasks.photos.rejection import Rejected, Rejection
from tasks.sources.base import Images, Made, SourceImage

MAX_LENGTH = 65_536
# Huawei's 40 names begin with one of four groups: 可回收物 (recyclable), 厨余垃圾 (kitchen waste),
# 有害垃圾 (hazardous), 其他垃圾 (other).
BUILT_IN = {"huawei-4": "part_before: /"}


class ClassMap(BaseModel):
    """What becomes of the classes that it names; the others keep their names."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    rename: dict[str, str] = Field(default_factory=dict[str, str])
    merge: dict[str, list[str]] = Field(default_factory=dict[str, list[str]])
    drop: list[str] = Field(default_factory=list[str])
    part_before: str = ""

    def named(self) -> Iterator[str]:
        """Every class of the source that it names, as often as it does."""
        yield from self.rename
        for merged in self.merge.values():
            yield from merged
        yield from self.drop

    def target(self, label: str) -> str | None:
        """What a class becomes; None where it is dropped.

        >>> ClassMap(part_before="/", rename={"a/b": "c"}).target("x/y")
        'x'
        """
        if label in self.drop:
            return None
        for name, merged in self.merge.items():
            if label in merged:
                return name
        if label in self.rename:
            return self.rename[label]
        return label.partition(self.part_before)[0] if self.part_before else label


class Mapped(NamedTuple):
    """Images under their new classes, and what changed: class -> new class, None if dropped."""

    images: Images
    changes: dict[str, str | None]


def parse_class_map(text: str) -> ClassMap:
    """The class map that a text is or names; an empty one changes nothing.

    Raises:
      SpecError: it is no YAML of this form, or names a class twice.
    """
    text = BUILT_IN.get(text.strip(), text)
    found = _loaded(text)
    if found is None or found == "":
        return ClassMap()
    try:
        class_map = ClassMap.model_validate(found)
    except ValidationError as error:
        raise _wrong(error) from error
    twice = [name for name, count in Counter(class_map.named()).items() if count > 1]
    if twice:
        raise _refused(f"it names '{twice[0]}' twice", "Say once what becomes of it")
    targets = [*class_map.rename.values(), *class_map.merge]
    if not all(name.strip() for name in targets):
        raise _refused("a new name is empty", "Name the class, or drop it")
    return class_map


def apply_class_map(class_map: ClassMap, images: Images) -> Mapped:
    """The images under their new classes; those of dropped classes are kept out, with the reason.

    Raises:
      SpecError: it names a class that the source does not have.
    """
    if class_map == ClassMap():
        return Mapped(images, {})
    labels = sorted({image.label for image in images if image.label})
    for name in class_map.named():
        if name not in labels:
            raise _refused(f"the source has no class '{name}'", closest(name, labels[:100]))
    targets = {label: class_map.target(label) for label in labels}
    changes = {label: target for label, target in targets.items() if target != label}
    return Mapped(Made(images, partial(_moved, changes)), changes)


def _moved(changes: dict[str, str | None], image: SourceImage) -> SourceImage:
    if image.label not in changes:
        return image
    target = changes[image.label]
    if target is not None:
        return replace(image, label=target)
    dropped = Rejected(Rejection.DROPPED, f"the class map drops '{image.label}'")
    return replace(image, label="", problem=image.problem or dropped)


def _loaded(text: str) -> object:
    """The text's YAML, each scalar as the text that it is: a class may be named 0 or no."""
    if len(text) > MAX_LENGTH:
        raise _refused(f"it has {len(text):,} characters", f"Keep it under {MAX_LENGTH:,}")
    try:
        found: object = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise _refused(f"it is no YAML: {' '.join(str(error).split())[:200]}", _EXAMPLE) from error
    if isinstance(found, str) and found:
        raise _refused(f"'{found[:80]}' is no map of ours", closest(found, BUILT_IN))
    return found


def _wrong(error: ValidationError) -> SpecError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return _refused(f"'{key}' is not a key of it", closest(key, ClassMap.model_fields))
    return _refused(f"'{key}' is {first.get('input')!r}: {first['msg']}"[:300], _EXAMPLE)


def _refused(fact: str, remedy: str) -> SpecError:
    return SpecError(f"the class map is refused: {fact}", _EXPECTED, remedy)


_EXPECTED = f"YAML with rename, merge, drop or part_before, or one of: {', '.join(BUILT_IN)}"
_EXAMPLE = "Write it as in: rename: {old: new}"
