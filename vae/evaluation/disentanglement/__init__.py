"""Scores of disentanglement, of codes [N, D] of examples whose factors [N, F] are known.

All are pure functions of numpy arrays: codes are real numbers, factors whole numbers from 0
(`as_classes` makes them of any values). `measure` returns all scores with their errors; single ones
are in the file of their family, which says how they are defined:

    interventions.py   BetaVAE score, FactorVAE score, IRS
    pairwise.py        MIG, modularity, InfoM, InfoC, and the mutual information they are made of
    predictors.py      SAP, explicitness, InfoE
    importance.py      DCI, by the boosted trees of trees.py

    from vae.evaluation.disentanglement import as_classes, measure

    scores = measure(codes, factors, seed=0, resamples=20)
    scores.figures["mig"], scores.errors["mig"], scores.matrices["importance"]

All are between 0 and 1, the more the better. Codes that know nothing have 1/F of BetaVAE and
FactorVAE and .5 of explicitness. Permuted latents change no score. Latents in other units change
BetaVAE and SAP, whose classifiers are regularised, FactorVAE where a variance crosses .05, and
InfoM and InfoC where a range crosses a 20th of the largest.
"""

from vae.evaluation.disentanglement.classes import as_classes, varies
from vae.evaluation.disentanglement.scores import PROTOCOL, SCORES, Scores, measure

__all__ = ["PROTOCOL", "SCORES", "Scores", "as_classes", "measure", "varies"]
