"""Tables that come with scikit-learn, without a download: wines, and tumours of the breast.

| `data.name`                                             | rows | columns | classes              |
|---------------------------------------------------------|------|---------|----------------------|
| wine                                                    | 178  | 13      | three cultivars      |
| breast_cancer                                           | 569  | 30      | malignant, benign    |
| wine:class_0, breast_cancer:benign, ...: one class      |      |         |                      |

Both are from the UCI repository: Forina et al. (1988), "PARVUS"; Street, Wolberg and Mangasarian
(1993), "Nuclear feature extraction for breast tumor diagnosis".
"""

from __future__ import annotations

import numpy as np

from vae.errors import InputError, not_one_of
from vae.modalities.tables.csv_file import Rows

SETS = {"wine": "load_wine", "breast_cancer": "load_breast_cancer"}


def find(name: str) -> bool:
    """Returns whether a name is one of these."""
    return name.partition(":")[0] in SETS


def read(name: str) -> Rows:
    """Returns the rows of a set, or of one of its classes, then without labels.

    Raises:
      InputError: the set has no such class.
    """
    from sklearn import datasets  # takes a second to import

    base, _, only = name.partition(":")
    bunch = getattr(datasets, SETS[base])()
    labels = bunch.target_names[bunch.target]
    chosen = np.ones(len(labels), bool)
    if ":" in name:
        classes = list(map(str, bunch.target_names))
        if only not in classes:
            raise InputError(not_one_of(f"the class of data.name={name!r}", only, classes))
        chosen = labels == only
    names = tuple(map(str, bunch.feature_names))
    where = tuple((np.flatnonzero(chosen) + 1).tolist())
    return Rows(names, bunch.data[chosen], None if only else labels[chosen], None, where)
