"""A recipe: how to train, resolved down to the last key."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ray_jobs.contract.document import Document, Part

Rate = Annotated[float, Field(gt=0, le=10)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Backbone = Literal[
    "efficientnet-lite0",
    "efficientnet-b0",
    "efficientnet-b1",
    "efficientnet-b2",
    "efficientnet-b3",
    "efficientnet-b4",
    "efficientnet-b5",
    "efficientnet-b6",
    "efficientnet-b7",
    "mnasnet-a1",
    "vgg16",
    "vgg16-classic",
    "convnet-small",
    "convnet-mnist",
]
_WITHOUT_IMAGENET = {"mnasnet-a1", "convnet-small", "convnet-mnist"}


class Schedule(Part):
    """Warmup-cosine (see `ray_jobs.training.schedule`); lengths in epochs, rates a step."""

    base_lr: Rate
    warmup_lr: Annotated[float, Field(ge=0, le=10)] = 0.0
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    hold_epochs: Annotated[float, Field(ge=0)] = 0.0


class Optimizer(Part):
    """The optimizer and its own settings; `clipnorm` bounds the global norm of the gradient.

    `momentum` is that of `sgd` and `rmsprop`; the others have their own.
    """

    name: Literal["adam", "adamw", "sgd", "rmsprop", "radam"] = "adam"
    momentum: Fraction = 0.9
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    clipnorm: Annotated[float, Field(gt=0)] | None = None


class Augment(Part):
    """What chance does to a training image; 0 and false leave it as it is.

    `erase` is how often a rectangle of noise covers part of it, `shift` how far of its side it may
    slide, `flips` mirrors it both ways, `mixup` is the alpha of Beta(alpha, alpha) by which a
    second image shows through. The defaults are those of the lesson that we replace.
    """

    erase: Annotated[float, Field(ge=0, le=1)] = 0.5
    shift: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    flips: bool = True
    mixup: Annotated[float, Field(ge=0, le=10)] = 0.2


NO_AUGMENT = Augment(erase=0.0, shift=0.0, flips=False, mixup=0.0)


class Recipe(Document):
    """Everything that decides what is learnt, but the data and the seed.

    `trainable` is `head` (the backbone is frozen and its features are computed once) or `all`.
    `batch_size` is the global batch: a worker takes its share. `image_px` is the side of the
    square input.
    """

    name: str
    summary: str
    backbone: Backbone
    weights: Literal["imagenet"] | None = None
    trainable: Literal["head", "all"]
    image_px: Annotated[int, Field(ge=18, le=1024)]
    epochs: Annotated[int, Field(ge=1, le=1000)]
    batch_size: Annotated[int, Field(ge=2, le=4096)]
    schedule: Schedule
    optimizer: Optimizer = Optimizer()
    label_smoothing: Fraction = 0.0
    dropout: Fraction = 0.0
    augment: Augment = NO_AUGMENT

    @model_validator(mode="after")
    def _features_are_of_whole_images(self) -> Self:
        if self.trainable == "head" and self.augment != NO_AUGMENT:
            off = ", ".join(f"augment.{key}={value}" for key, value in NO_AUGMENT)
            raise ValueError(f"{off} with trainable=head, whose features are computed once")
        return self

    @model_validator(mode="after")
    def _weights_are_published(self) -> Self:
        if self.weights == "imagenet" and self.backbone in _WITHOUT_IMAGENET:
            raise ValueError(f"weights=null with {self.backbone}, for which none are published")
        return self

    @model_validator(mode="after")
    def _schedule_fits(self) -> Self:
        first = self.schedule.warmup_epochs + self.schedule.hold_epochs
        if first > self.epochs:
            raise ValueError(f"epochs at least warm-up and hold together, {first:g}")
        if self.schedule.warmup_epochs > 0 and self.schedule.base_lr < self.schedule.warmup_lr:
            raise ValueError(f"schedule.base_lr at least warmup_lr, {self.schedule.warmup_lr:g}")
        return self
