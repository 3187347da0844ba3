"""What a network may be asked to read: checked when it is built, so that no layer fails later in words of matrices."""


def require_input_shape(
    model: str,
    *,
    num_classes: int,
    in_channels: int,
    image_size: int,
    required_size: int | None = None,
    smallest_size: int = 1,
) -> None:
    """Raise ValueError, naming `model`, the parameter, its range and its value, unless the network can be built.

    `image_size` is the side of a square image in pixels. `required_size` is the one side that fits, or None where any
    side from `smallest_size` on does.
    """
    if num_classes < 1:
        raise ValueError(f"{model}: num_classes must be at least 1, got {num_classes}")
    if in_channels < 1:
        raise ValueError(f"{model}: in_channels must be at least 1, got {in_channels}")
    if required_size is not None and image_size != required_size:
        raise ValueError(
            f"{model}: image_size must be {required_size}, got {image_size}; "
            f"pad or resize the images to {required_size}x{required_size}"
        )
    if image_size < smallest_size:
        raise ValueError(f"{model}: image_size must be at least {smallest_size}, got {image_size}")
