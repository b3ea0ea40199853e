import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from ray_jobs.contract.dataset import NEAR_BITS
from tasks.near_duplicates.near import pack
from tasks.photos.images import inspect, upright_rgb
from tasks.sources.drawing.scene import KINDS, draw
from tasks.sources.sample import SampleSource


@pytest.fixture(scope="module")
def pictures():
    return [(image.label, image.read()) for image in SampleSource().images()]


def test_the_sample_holds_eighty_pictures_of_each_of_six_kinds():
    images = list(SampleSource().images())
    assert len(images) == 480
    assert [image.path for image in images] == sorted(image.path for image in images)
    assert {image.label for image in images} == set(KINDS)
    assert len(KINDS) == 6


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_the_same_each_time_it_is_drawn(kind):
    assert draw(kind, 5, 0) == draw(kind, 5, 0)


def test_another_seed_draws_other_pictures():
    assert draw("glass", 0, 0) != draw("glass", 0, 1)


def test_a_picture_goes_into_a_shard_as_it_is(pictures):
    assert all(upright_rgb(data) is data for _, data in pictures[::40])


def test_no_two_pictures_are_nearly_the_same(pictures):
    hashes = pack([inspect(data).phash for _, data in pictures])
    distances = np.bitwise_count(hashes[:, np.newaxis] ^ hashes[np.newaxis, :]).sum(axis=2)
    np.fill_diagonal(distances, 256)
    assert distances.min() > NEAR_BITS + 10
    assert len({hashlib.sha256(data).digest() for _, data in pictures}) == 480


def histogram(data):
    """8 x 8 x 8 colour histogram, square root of shares: float [512]."""
    pixels = np.asarray(Image.open(io.BytesIO(data))).reshape(-1, 3) // 32
    bins = pixels.astype(int) @ (64, 8, 1)
    return np.sqrt(np.bincount(bins, minlength=512) / len(bins))


def test_colours_alone_do_not_tell_the_kinds_apart(pictures):
    pytest.importorskip("sklearn", reason="scikit-learn comes with the local stack")
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.neighbors import KNeighborsClassifier

    features = np.array([histogram(data) for _, data in pictures])
    labels = [label for label, _ in pictures]
    split = train_test_split(
        features, labels, test_size=0.33, stratify=labels, random_state=0, shuffle=True
    )
    seen, unseen, seen_labels, unseen_labels = split
    for classifier in (
        LogisticRegression(C=10, max_iter=300),
        KNeighborsClassifier(5),
        RandomForestClassifier(100, random_state=0),
    ):
        accuracy = classifier.fit(seen, seen_labels).score(unseen, unseen_labels)
        assert accuracy < 0.7, classifier
