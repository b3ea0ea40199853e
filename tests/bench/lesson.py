"""The input pipeline that we replace: image by image, with PIL, numpy and ImageDataGenerator.

The same steps with the same settings as `ray_jobs.training.data`; random erasing as in
yu4u/cutout-random-erasing, which draws until the rectangle fits.
"""

from __future__ import annotations

import io
import math
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from PIL import Image

from ray_jobs.contract.recipe import Augment
from ray_jobs.training.data.erase import AREA, ASPECT

SMOOTHING = 0.1


class Lesson:
    """Batches of images and targets; `seconds` of CPU by step."""

    def __init__(self, image_px: int, augment: Augment, classes: int) -> None:
        self.image_px, self.augment, self.classes = image_px, augment, classes
        self.random = np.random.default_rng(0)
        self.seconds: Counter[str] = Counter()
        self.generator = ImageDataGenerator(
            width_shift_range=augment.shift,
            height_shift_range=augment.shift,
            horizontal_flip=augment.flips,
            vertical_flip=augment.flips,
            fill_mode="constant",
            cval=255,
        )

    def batches(
        self, photos: Sequence[tuple[bytes, int]], batch: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """float32 [batch, px, px, 3] in 0..255 and float32 [batch, classes]."""
        for start in range(0, len(photos) - batch + 1, batch):
            chosen = photos[start : start + batch]
            x = np.stack([self.image(encoded) for encoded, _ in chosen])
            y = np.eye(self.classes, dtype=np.float32)[[label for _, label in chosen]]
            y = y * (1 - SMOOTHING) + SMOOTHING / self.classes
            with self._timed("mixup"):
                yield self.mixed(x, y)

    def image(self, encoded: bytes) -> np.ndarray:
        with self._timed("decode"):
            image = Image.open(io.BytesIO(encoded)).convert("RGB")
        with self._timed("resize"):
            scale = self.image_px / max(image.size)
            size = [max(1, round(side * scale)) for side in image.size]
            array = np.asarray(image.resize(size, Image.Resampling.BILINEAR), np.float32)
        with self._timed("erase"):
            array = self.erased(array)
        with self._timed("shift and flip"):
            array = self.generator.random_transform(array)
        with self._timed("letterbox"):
            return self.letterboxed(array)

    def erased(self, image: np.ndarray) -> np.ndarray:
        if self.random.random() > self.augment.erase:
            return image
        height, width, _ = image.shape
        while True:
            area = self.random.uniform(*AREA) * height * width
            aspect = math.exp(self.random.uniform(*map(math.log, ASPECT)))
            rows, columns = int(math.sqrt(area * aspect)), int(math.sqrt(area / aspect))
            top, left = self.random.integers(height), self.random.integers(width)
            if top + rows <= height and left + columns <= width:
                break
        image = image.copy()
        noise = self.random.uniform(0, 255, (rows, columns, 3))
        image[top : top + rows, left : left + columns] = noise
        return image

    def letterboxed(self, image: np.ndarray) -> np.ndarray:
        height, width, _ = image.shape
        square = np.full((self.image_px, self.image_px, 3), 255, np.float32)
        top, left = (self.image_px - height) // 2, (self.image_px - width) // 2
        square[top : top + height, left : left + width] = image
        return square

    def mixed(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = self.random.beta(self.augment.mixup, self.augment.mixup, len(x)).astype(np.float32)
        of_x, of_y = share[:, None, None, None], share[:, None]
        return of_x * x + (1 - of_x) * x[::-1], of_y * y + (1 - of_y) * y[::-1]

    @contextmanager
    def _timed(self, step: str) -> Generator[None]:
        started = time.process_time()
        yield
        self.seconds[step] += time.process_time() - started
