"""How well latents keep types apart and mix batches, by scib's definitions (Luecken et al. 2022).

    asw_label   (1 + mean silhouette of labels) / 2: 1 where types lie apart
    asw_batch   1 - |silhouette of batches| among the cells of one label, averaged over these, then
                over labels: 1 where batches are mixed

(Luecken et al., "Benchmarking atlas-level data integration in single-cell genomics", "Methods".) A
silhouette takes the distances of all pairs, so at most 5,000 cells are used.
"""

from __future__ import annotations

import numpy as np

MOST = 5000


def integration(z: np.ndarray, labels: np.ndarray, batches: np.ndarray | None) -> dict[str, float]:
    """Returns the figures above for latents [N, D], labels [N] and batches [N] or None."""
    from sklearn.metrics import silhouette_samples, silhouette_score  # take a second to import

    chosen = np.random.default_rng(0).permutation(len(z))[:MOST]
    z, labels = z[chosen], labels[chosen]
    found = {}
    if 1 < len(np.unique(labels)) < len(labels):
        found["asw_label"] = (1 + float(silhouette_score(z, labels))) / 2
    if batches is None:
        return found
    batches, of_labels = batches[chosen], []
    for label in np.unique(labels):
        own = labels == label
        if 1 < len(np.unique(batches[own])) < own.sum():
            widths = silhouette_samples(z[own], batches[own])
            of_labels.append(float((1 - np.abs(widths)).mean()))
    if of_labels:
        found["asw_batch"] = float(np.mean(of_labels))
    return found
