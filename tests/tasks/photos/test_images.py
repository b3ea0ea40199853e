import hashlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ray_jobs.contract.dataset import NEAR_BITS
from ray_jobs.photo import MAX_FILE_BYTES
from tasks.photos.images import Inspected, inspect, upright_rgb
from tasks.photos.rejection import Rejected, Rejection
from tests.tasks.ingest.pictures import encoded, photo, picture

ORIENTATION = 0x0112


def png_header(width, height):
    """A PNG that claims a size, and holds no such pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def rotated(orientation, image):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encoded(image, quality=95, subsampling=0, exif=exif)


def decoded(data):
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Rejection.EMPTY),
        (b"<html>not a photo</html>", Rejection.NOT_AN_IMAGE),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", Rejection.NOT_RASTER),
        (b"P6 20 20 255 " + bytes(1200), Rejection.NOT_AN_IMAGE),
        (photo(1)[:-200], Rejection.TRUNCATED),
        (encoded(picture(1), "PNG")[:-300], Rejection.TRUNCATED),
        (png_header(40, 40), Rejection.TRUNCATED),
        (png_header(10_000, 10_000), Rejection.TOO_LARGE),
        (png_header(60_000, 60_000), Rejection.TOO_LARGE),
        (bytes(MAX_FILE_BYTES + 1), Rejection.TOO_LARGE),
        (encoded(picture(1, (100, 12))), Rejection.TOO_SMALL),
        (encoded(Image.new("F", (20, 20)), "TIFF"), Rejection.UNDECODABLE),
    ],
)
def test_what_is_no_photo_is_turned_away_with_its_reason(data, reason):
    answer = inspect(data)
    assert isinstance(answer, Rejected)
    assert answer.reason is reason, answer
    assert str(answer).startswith(f"{reason.value}: ")


def test_a_reason_does_not_differ_from_run_to_run():
    assert inspect(b"no image") == inspect(b"no image")
    assert "0x" not in str(inspect(b"no image"))


def test_a_photo_that_could_be_read_does_not_count_as_unreadable():
    aside = {reason for reason in Rejection if not reason.is_unreadable}
    assert Rejection.TOO_SMALL in aside
    assert not aside & {Rejection.EMPTY, Rejection.TRUNCATED, Rejection.NOT_RASTER}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_each_format_is_recognised_by_its_content(kind):
    answer = inspect(encoded(picture(1), kind))
    assert isinstance(answer, Inspected)
    assert (answer.format, answer.width, answer.height) == (kind, 24, 20)


def test_of_a_phone_picture_with_several_frames_the_first_is_used():
    data = encoded(picture(1), "MPO", save_all=True, append_images=[picture(2)])
    assert inspect(data).format == "MPO"
    assert decoded(upright_rgb(data)).format == "JPEG"


def test_equal_pixels_have_one_pixel_hash_whatever_the_bytes():
    png, bmp = (inspect(encoded(picture(1), kind)) for kind in ("PNG", "BMP"))
    assert png.sha256 != bmp.sha256
    assert png.pixel_sha256 == bmp.pixel_sha256
    assert png.phash == bmp.phash


def test_the_pixel_hash_knows_the_shape():
    wide, high = (inspect(encoded(Image.new("RGB", s), "PNG")) for s in ((32, 16), (16, 32)))
    assert wide.pixel_sha256 != high.pixel_sha256


def test_sha256_is_that_of_the_bytes():
    assert inspect(photo(1)).sha256 == hashlib.sha256(photo(1)).hexdigest()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_rotation_in_exif_is_applied(orientation):
    turned = inspect(rotated(orientation, picture(1, (40, 24))))
    assert (turned.width, turned.height) == ((40, 24) if orientation < 5 else (24, 40))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
def test_metadata_that_cannot_be_read_turns_nothing():
    data = encoded(picture(1), exif=b"Exif\0\0MM\0*\0\0\0\x08garbage")
    assert isinstance(inspect(data), Inspected)


@pytest.mark.parametrize("change", [lambda i: i.resize((96, 80)), lambda i: i.point(dim)])
def test_the_perceptual_hash_survives_a_change_of_size_and_light(change):
    image = picture(3, (48, 40))
    first, second = (int(inspect(encoded(i)).phash, 16) for i in (image, change(image)))
    assert (first ^ second).bit_count() <= NEAR_BITS


def dim(value):
    return round(0.8 * value)


def test_perceptual_hashes_of_other_pictures_are_far_apart():
    first, second = (int(inspect(photo(seed)).phash, 16) for seed in (1, 2))
    assert (first ^ second).bit_count() > 2 * NEAR_BITS


def test_a_plain_jpeg_passes_unchanged():
    assert upright_rgb(photo(1)) == photo(1)


ODD = {
    "turned": rotated(6, picture(1)),
    "cmyk": encoded(picture(1).convert("CMYK")),
    "grey": encoded(picture(1).convert("L")),
    "palette": encoded(picture(1).convert("P"), "PNG", transparency=3),
    "alpha": encoded(picture(1).convert("RGBA"), "PNG"),
    "16-bit": encoded(Image.fromarray(np.full((20, 24), 40_000, np.uint16)), "PNG"),
    "png": encoded(picture(1), "PNG"),
    "webp": encoded(picture(1), "WEBP"),
    "gif": encoded(picture(1), "GIF"),
    "large": encoded(picture(1, (1200, 400))),
    "padded": encoded(picture(1), comment=b"x" * 60_000),
}


@pytest.mark.parametrize("kind", ODD)
def test_anything_else_becomes_an_upright_rgb_jpeg(kind):
    data = ODD[kind]
    image = decoded(upright_rgb(data))
    assert (image.format, image.mode) == ("JPEG", "RGB")
    assert max(image.size) <= 512
    assert image.getexif().get(ORIENTATION, 1) == 1
    assert upright_rgb(data) != data
    assert upright_rgb(upright_rgb(data)) == upright_rgb(data)
    seen = inspect(data)
    assert image.width / image.height == pytest.approx(seen.width / seen.height, rel=0.01)


def test_the_rotation_goes_into_the_pixels():
    image = picture(1, (40, 24))
    expected = np.asarray(image.transpose(Image.Transpose.ROTATE_270), dtype=int)
    seen = np.asarray(decoded(upright_rgb(rotated(6, image))), dtype=int)
    assert np.abs(seen - expected).mean() < 4


def test_alpha_is_laid_on_white():
    clear = Image.new("RGBA", (20, 20), (200, 0, 0, 0))
    assert decoded(upright_rgb(encoded(clear, "PNG"))).getpixel((5, 5)) == (255, 255, 255)


def test_sixteen_bits_become_their_upper_eight():
    grey = Image.fromarray(np.full((20, 20), 0x8040, np.uint16))
    assert decoded(upright_rgb(encoded(grey, "PNG"))).getpixel((5, 5)) == (128, 128, 128)
