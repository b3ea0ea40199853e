"""Near-duplicates: among drawn pictures, and among real photos where SORTLINE_TRASHNET is set."""

import io
import os
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from ray_jobs.contract.dataset import NEAR_BITS
from tasks.near_duplicates.near import groups, pack
from tasks.photos.phash import perceptual_hash
from tasks.sources.sample import SampleSource

PLANTS = 60


def saved(image, quality=95):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(out)


def cropped(image, left, top, right, bottom):
    """Without so many hundredths of each side."""
    wide, high = image.width / 100, image.height / 100
    far = (round(image.width - right * wide), round(image.height - bottom * high))
    return image.crop((round(left * wide), round(top * high), *far))


def scaled(image, factor):
    size = (round(factor * image.width), round(factor * image.height))
    return image.resize(size, Image.Resampling.LANCZOS)


def lit(image, factor):
    return ImageEnhance.Brightness(image).enhance(factor)


KINDS = {
    "saved at quality 60": lambda image: saved(image, 60),
    "cropped all around": lambda image: saved(cropped(image, 1.5, 1.5, 1.5, 1.5)),
    "cropped at top left": lambda image: saved(cropped(image, 3, 3, 0, 0)),
    "cropped at bottom right": lambda image: saved(cropped(image, 0, 0, 3, 3)),
    "half as large": lambda image: saved(scaled(image, 0.5)),
    "larger by half": lambda image: saved(scaled(image, 1.5)),
    "darker by a fifth": lambda image: saved(lit(image, 0.8)),
    "lighter by a fifth": lambda image: saved(lit(image, 1.2)),
    "half as large at quality 60": lambda image: saved(scaled(image, 0.5), 60),
}


@pytest.fixture(scope="module")
def photos():
    source = os.environ.get("SORTLINE_TRASHNET")
    if not source or not Path(source).is_dir():
        pytest.skip("SORTLINE_TRASHNET names no folder with the photos")
    return sorted(Path(source).glob("*/*.jpg"))


@pytest.fixture(scope="module")
def hashes(photos):
    return [hash_of(path) for path in photos]


def hash_of(path):
    with Image.open(path) as image:
        return perceptual_hash(image.convert("RGB"))


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_hundred_changed_photos_95_are_grouped_with_their_originals(photos, hashes, kind):
    chosen = random.Random(1).sample(range(len(photos)), PLANTS)
    changed = [perceptual_hash(KINDS[kind](Image.open(photos[index]))) for index in chosen]
    group = groups(pack(hashes + changed), NEAR_BITS)
    assert np.mean(group[len(hashes) :] == group[chosen]) >= 0.95


def test_photos_of_two_classes_share_a_group_in_less_than_a_hundredth(photos, hashes):
    members = defaultdict(list)
    for path, number in zip(photos, groups(pack(hashes), NEAR_BITS), strict=True):
        members[number].append(path)
    mixed = [group for group in members.values() if len({path.parent for path in group}) > 1]
    assert sum(map(len, mixed)) <= 0.01 * len(photos)
    assert max(map(len, members.values())) <= 10


@pytest.fixture(scope="module")
def drawn():
    images = SampleSource(images_per_class=4).images()
    return [Image.open(io.BytesIO(image.read())) for image in images]


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_hundred_changed_drawings_95_are_grouped_with_their_originals(drawn, kind):
    changed = [KINDS[kind](image) for image in drawn]
    group = groups(pack([perceptual_hash(image) for image in (*drawn, *changed)]), NEAR_BITS)
    assert np.mean(group[: len(drawn)] == group[len(drawn) :]) >= 0.95
    assert len(set(group[: len(drawn)])) == len(drawn)
