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
Weights = Annotated[
    str,
    Field(
        pattern=r"^(imagenet|(s3|https?|file)://[^@]+\.weights\.h5)$",
        description="imagenet, or the URI of a .weights.h5, without a login",
    ),
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="64 hex digits")]
Trainable = Annotated[
    str,
    Field(
        pattern=r"^(head|all|last-[1-9]\d*-blocks|from:.+)$",
        description="one of head, all, last-N-blocks, from:LAYER",
    ),
]


class Schedule(Part):
    """The rate of every step (see `ray_jobs.training.schedule`); lengths in epochs.

    Each kind warms up, from `warmup_lr` to `base_lr`, and holds. Then `warmup-cosine` falls to
    zero, `constant` stays, and `plateau` stays too, but takes a tenth after `patience` epochs in
    which the validation loss made no progress.
    """

    kind: Literal["warmup-cosine", "constant", "plateau"] = "warmup-cosine"
    base_lr: Rate
    warmup_lr: Annotated[float, Field(ge=0, le=10)] = 0.0
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    hold_epochs: Annotated[float, Field(ge=0)] = 0.0
    patience: Annotated[int, Field(ge=1, le=1000)] = 5

    def check_fits(self, epochs: int, prefix: str = "") -> None:
        """Raise ValueError unless the parts fit into so many epochs; keys begin with `prefix`."""
        first = self.warmup_epochs + self.hold_epochs
        if first > epochs:
            raise ValueError(f"{prefix}epochs at least warm-up and hold together, {first:g}")
        if self.warmup_epochs > 0 and self.base_lr < self.warmup_lr:
            key = f"{prefix}schedule.base_lr"
            raise ValueError(f"{key} at least warmup_lr, {self.warmup_lr:g}")


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


class HeadPhase(Part):
    """The first phase of transfer learning: a new head on a frozen backbone; 0 epochs: none.

    The backbone's features are computed once where nothing is augmented.
    """

    epochs: Annotated[int, Field(ge=0, le=1000)] = 0
    schedule: Schedule = Schedule(base_lr=3e-3)
    augment: Augment = NO_AUGMENT


class Recipe(Document):
    """Everything that decides what is learnt, but the data and the seed.

    `weights` are what the backbone starts from: `imagenet`, the URI of a `.weights.h5` together
    with its `weights_sha256`, or null: random ones. `trainable` is what learns: `head` (the
    backbone is frozen; its features are computed once where nothing is augmented), `all`,
    `last-N-blocks`, or `from:LAYER` on, each with the head; `freeze_batchnorm` leaves the
    statistics and scales of the backbone's batch norms as they are. Where `head.epochs` is more
    than 0, the head alone learns first.

    `batch_size` is the global batch, whatever the number of workers: a worker takes its share,
    `accumulate` parts of it one after the other. `image_px` is the side of the square input.
    `balanced` shows the classes equally often. `ema` is the decay a step of the averaged weights
    that are judged and kept; 0: the weights themselves. `early_stop` ends a training after so many
    epochs without a better one. `mixed_bfloat16` counts where there are GPUs.
    """

    name: str
    summary: str
    backbone: Backbone
    weights: Weights | None = None
    weights_sha256: Sha256 | None = None
    trainable: Trainable
    freeze_batchnorm: bool = False
    image_px: Annotated[int, Field(ge=18, le=1024)]
    epochs: Annotated[int, Field(ge=1, le=1000)]
    batch_size: Annotated[int, Field(ge=2, le=4096)]
    accumulate: Annotated[int, Field(ge=1, le=256)] = 1
    head: HeadPhase = HeadPhase()
    schedule: Schedule
    optimizer: Optimizer = Optimizer()
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    label_smoothing: Fraction = 0.0
    dropout: Fraction = 0.0
    ema: Fraction = 0.0
    early_stop: Annotated[int, Field(ge=1, le=1000)] | None = None
    balanced: bool = False
    augment: Augment = NO_AUGMENT

    @model_validator(mode="after")
    def _weights_are_named(self) -> Self:
        is_uri = self.weights not in (None, "imagenet")
        if is_uri != (self.weights_sha256 is not None):
            raise ValueError("weights_sha256 where weights is a URI, and only there")
        if self.weights == "imagenet" and self.backbone in _WITHOUT_IMAGENET:
            raise ValueError(f"weights=null with {self.backbone}, for which none are published")
        return self

    @model_validator(mode="after")
    def _phases_fit(self) -> Self:
        if self.trainable == "head" and self.head.epochs:
            raise ValueError("head.epochs=0 with trainable=head, which is one phase already")
        if self.accumulate > self.batch_size:
            raise ValueError(f"accumulate at most batch_size, {self.batch_size}")
        self.schedule.check_fits(self.epochs)
        if self.head.epochs:
            self.head.schedule.check_fits(self.head.epochs, "head.")
        return self
