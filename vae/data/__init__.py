"""Examples of any modality: kept, split, read ahead and turned into x.

The readers are in `modalities`. A reader returns a `Source` (`examples.py`): base splits in a
canonical order (`splits.py`), from which the splits of a config are cut. `batches.py` says which
examples a step sees; `prepare.py` turns their raw values into x inside the compiled step.
"""
