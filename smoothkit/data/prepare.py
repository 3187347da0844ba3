"""The data that a scenario file asks for: loaded, fitted to the model, split, limited, and spoiled if asked."""

from smoothkit.data.dataset import Dataset, Part
from smoothkit.data.label_noise import add_label_noise
from smoothkit.data.root import data_root
from smoothkit.data.sizing import fitted
from smoothkit.data.splits import hold_out, limit_train
from smoothkit.errors import blame
from smoothkit.tables import DataConfig


def prepare(config: DataConfig, seed: int, required_size: int | None = None) -> tuple[Dataset, Part]:
    """The data set, with a smaller training part, and the validation part taken from it.

    Images get `config.image_size`, or else the `required_size` of the model. The split depends on `seed` alone. The
    validation part is held out before labels are spoiled, so that what it selects is selected on true labels.

    Raises:
        DataError: the data are missing, damaged, or leave a class without training samples.
        UserError: an option does not fit these data.
    """
    data: Dataset = config.build(root=data_root())
    size = config.image_size or required_size
    with blame("data"):
        if size is not None:
            data = fitted(data, size)
        data, validation = hold_out(data, config.validation, seed)
        data = limit_train(data, config.train_limit, seed)
        if config.label_noise is not None:
            data = add_label_noise(data, config.label_noise.kind, config.label_noise.rate, seed)
    return data, validation
