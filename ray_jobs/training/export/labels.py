"""What lies beside the model of every format: its labels, and what it wants to be fed with."""

from __future__ import annotations

from pathlib import Path

from ray_jobs.contract.document import Document

LABELS_FILE = "labels.json"
PREPROCESSING_FILE = "preprocessing.json"


class Labels(Document):
    """`labels.json`: classes in the order of the answers, the side of the input in pixels."""

    classes: tuple[str, ...]
    image_px: int


class Preprocessing(Document):
    """`preprocessing.json`: from a photo to `images`, and what is inside the model.

    The SavedModel's signature `encoded` does every step but the first itself.
    """

    image_px: int
    images: str = "float32 [N, image_px, image_px, 3], RGB in 0..255"
    steps: tuple[str, ...] = (
        "turn the photo upright, as its EXIF orientation says",
        "decode to 8-bit RGB, transparency laid on white",
        "scale both sides by image_px / longest side; round them, halves to even, to at least 1",
        "resize: to shrink, the mean over the area of each pixel; to enlarge, bilinear with pixel"
        " centres at halves",
        "round the values to whole numbers, halves to even",
        "place in the middle of a white (255, 255, 255) square, an odd pixel below or right",
        "convert to float32, without any scaling",
    )
    inside: tuple[str, ...] = ("normalisation", "temperature", "softmax")


def write_beside(folder: Path, labels: Labels) -> None:
    """Put both documents into the folder of an export."""
    (folder / LABELS_FILE).write_bytes(labels.to_json())
    preprocessing = Preprocessing(image_px=labels.image_px)
    (folder / PREPROCESSING_FILE).write_bytes(preprocessing.to_json())


def read_labels(folder: Path) -> Labels:
    """The labels of an export in a folder."""
    path = folder / LABELS_FILE
    return Labels.from_json(path.read_bytes(), origin=str(path))
