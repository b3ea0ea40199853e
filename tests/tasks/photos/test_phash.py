import numpy as np
import pytest
from PIL import Image

from ray_jobs.contract.dataset import NEAR_BITS
from tasks.photos.phash import perceptual_hash


def picture(seed, size=(120, 90)):
    """Smooth random blobs of colour."""
    rng = np.random.default_rng(seed)
    spots = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
    return spots.resize(size, Image.Resampling.BICUBIC)


def bits_between(one, other):
    return (int(perceptual_hash(one), 16) ^ int(perceptual_hash(other), 16)).bit_count()


def test_a_hash_is_64_hex_digits():
    assert len(bytes.fromhex(perceptual_hash(picture(1)))) == 32


def test_a_hash_is_the_same_on_every_machine():
    ramp = np.add.outer(np.arange(64), 2 * np.arange(64)).astype(np.uint8)
    image = Image.fromarray(np.stack([ramp, ramp[::-1], ramp.T], axis=-1))
    assert perceptual_hash(image) == (
        "58ec39616670877b952b768a95f0cccecc0cccccffc0000cccccc0cccccffc00"
    )


@pytest.mark.parametrize("shade", ["white", "grey", "black"])
def test_pictures_of_one_grey_have_one_hash(shade):
    blank = perceptual_hash(Image.new("RGB", (40, 50), shade))
    assert blank == perceptual_hash(Image.new("RGB", (16, 16), "white"))
    assert set(blank[:26]) == {"0"}  # 104 bits of brightness


def test_another_colour_is_another_hash():
    grey, red = (Image.new("RGB", (40, 40), colour) for colour in ("grey", "red"))
    assert 15 <= bits_between(grey, red) <= NEAR_BITS


def test_half_of_the_brightness_bits_are_set():
    assert int(perceptual_hash(picture(2))[:26], 16).bit_count() == 52


@pytest.mark.parametrize("share", [0.8, 0.9, 1.1])
def test_light_changes_few_bits(share):
    image = picture(3).point(lambda value: 30 + value // 2)
    assert bits_between(image, image.point(lambda value: round(share * value))) <= NEAR_BITS // 2


@pytest.mark.parametrize("size", [(60, 45), (240, 180)])
def test_size_changes_few_bits(size):
    assert bits_between(picture(4), picture(4).resize(size, Image.Resampling.LANCZOS)) <= 6


def test_the_same_shapes_in_other_colours_are_other_pictures():
    image = picture(5)
    red, green, blue = image.split()
    assert bits_between(image, Image.merge("RGB", (blue, green, red))) > NEAR_BITS
