"""The data sets that come without a download; `data.name` takes others as well."""

from vae.config.axes.choice import Choice

EMBEDDED = {
    "digits": Choice("1,797 handwritten digits of 8x8 pixels (scikit-learn)."),
    "faces": Choice("Faces that are drawn as they are read, with 22 known factors, 64x64."),
    "dsprites": Choice("The 737,280 images of dSprites, drawn as they are read, 5 known factors."),
    "wine": Choice("178 wines of three cultivars, 13 measurements; wine:class_0 is one of them."),
    "breast_cancer": Choice("569 tumours, 30 measurements; breast_cancer:benign is one class."),
    "notes": Choice("Notes of three instruments, played as they are read, with known factors."),
    "cells": Choice("Cells that are drawn, 200 genes, from known programs; cells:doublets."),
    "solids": Choice("Solids of seven kinds, drawn as they are read, known factors, 32x32x32."),
    "moving_digits": Choice("Digits that move and bounce, drawn, known factors, 16x32x32."),
    "topics": Choice("Sentences about Python, from the reference that comes with it."),
}
