"""Cells: scvi-tools and this framework on the same cells, and what is recovered of drawn ones.

Both have one hidden layer of 128 units, 10 latents, a negative binomial (or with --zeros a zero-
inflated one) with a dispersion per gene and the observed size of each cell, the batch as a
covariate of the decoder, batches of 128, and as many epochs. One tenth of the cells is held out,
the same ones. log p(x) is estimated for both by 1,000 importance samples from q(z | x) with the
likelihood and the prior of each, and silhouettes are of the means of q(z | x) by scib's
definitions (`vae/modalities/counts/integration.py`).

    python experiments/benchmarks/cells.py data --folder=DIR                  # drawn cells
    python experiments/benchmarks/cells.py data --folder=DIR --file=pbmc68k_reduced.h5ad
    python experiments/benchmarks/cells.py here --folder=DIR --epochs=200
    python experiments/benchmarks/cells.py scvi --folder=DIR --epochs=200     # where scvi-tools is
    python experiments/benchmarks/cells.py table --folder=DIR

    python experiments/benchmarks/cells.py recovery --workdir=runs/cells      # of cells.py

`scvi` needs scvi-tools and none of this framework, so that it may run in another environment. Its
learning rate, dropout, batch norm and warm-up of the KL are its own defaults; `here` has those of
`experiments/cells.py`. The time with compilation is that of a first training; `here` trains again
with the compiled programs of the first, which is the time without. The file of blood cells has
log1p of counts to 10,000 as `raw`, to three decimals; `data` turns it back to whole counts.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
HIDDEN, LATENT, BATCH, SAMPLES = 128, 10, 128, 1000


def data(folder, file):
    """Writes counts, types and batches, and which cells are held out."""
    from vae.modalities.counts import drawn, h5ad

    if file:
        cells = h5ad.read(Path(file), "raw", 2**40)
        raw = cells.counts.rows(np.arange(len(cells.names))).toarray()
        counts = np.rint(np.expm1(raw) * cells.columns["n_counts"][:, None] / 10_000)
        types, batches = cells.columns["bulk_labels"], cells.columns["phase"]
    else:
        cells = drawn.read("cells")
        counts = cells.counts.values.toarray()
        types, batches = cells.columns["type"], cells.columns["batch"]
    counts = counts.astype(np.int32)
    test = np.zeros(len(counts), bool)
    test[np.random.default_rng(0).permutation(len(counts))[: len(counts) // 10]] = True
    folder.mkdir(parents=True, exist_ok=True)
    numbers = np.unique(batches, return_inverse=True)[1]
    np.savez(folder / "cells.npz", x=counts, types=types, batches=numbers, test=test)
    print(f"{len(counts)} cells, {counts.shape[1]} genes, {test.sum()} held out")


def loaded(folder):
    found = np.load(folder / "cells.npz")
    return found["x"], found["types"], found["batches"], found["test"]


def save(folder, name, z, log_p, seconds, facts):
    np.savez(folder / f"{name}.npz", z=z, log_p=log_p)
    (folder / f"{name}.json").write_text(json.dumps({"seconds": seconds} | facts, indent=1))
    print(f"{name}: {log_p.mean():.2f} +- {log_p.std() / len(log_p) ** 0.5:.2f}, {seconds}")


def here(folder, epochs, zeros, samples, weight_decay):
    import jax

    import vae
    from experiments.cells import get_config

    x, _, batches, test = loaded(folder)
    seconds = {}
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        jax.config.update("jax_compilation_cache_dir", str(scratch / "cache"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        config = get_config()
        np.savez(scratch / "train.npz", x=x[~test], y=batches[~test])
        config.data.path, config.data.modality = str(scratch / "train.npz"), "counts"
        config.data.label_column = "label"
        number = int((~test).sum())
        config.data.train, config.data.valid = f"train[:{number - 2}]", f"train[{number - 2}:-1]"
        config.data.test = "train[-1:]"
        config.data.batch_size = BATCH
        config.model.encoder_widths = config.model.decoder_widths = (HIDDEN,)
        config.model.latent_dim = LATENT
        if weight_decay:
            config.optimizer.weight_decay = weight_decay
        if zeros:
            config.model.likelihood = "zero_inflated_negative_binomial"
        per_call = config.training.steps_per_call
        steps = epochs * number // BATCH // per_call * per_call or per_call
        config.training.steps = steps
        config.objective.beta_warmup_steps = min(config.objective.beta_warmup_steps, steps // 2)
        config.evaluation.every_steps = config.checkpoint.every_steps = 0
        config.evaluation.num_samples = 1
        config.log.images_every_steps, config.log.tensorboard = 0, False
        for name in ("with compilation", "without"):
            start = time.perf_counter()
            vae.train(config, scratch / name)
            seconds[name] = time.perf_counter() - start
        run = vae.load(scratch / "without")
        scaled = run.event.values.to_x(x)
        z = run.encode(scaled, batches).mean
        log_p = run.log_likelihood(scaled[test], batches[test], num_samples=samples)
    save(folder, "here", z, log_p, seconds, {"steps": steps, "samples": samples})


def scvi(folder, epochs, zeros, samples):
    import anndata
    import scvi
    import torch

    scvi.settings.seed = 0
    x, _, batches, test = loaded(folder)

    def cells(rows):
        found = anndata.AnnData(x[rows].astype(np.float32))
        found.obs["batch"] = batches[rows].astype(str)
        return found

    train = cells(~test)
    start = time.perf_counter()
    scvi.model.SCVI.setup_anndata(train, batch_key="batch")
    model = scvi.model.SCVI(
        train,
        n_hidden=HIDDEN,
        n_latent=LATENT,
        n_layers=1,
        gene_likelihood="zinb" if zeros else "nb",
    )
    model.train(
        max_epochs=epochs,
        batch_size=BATCH,
        accelerator="cpu",
        train_size=1.0,
        enable_progress_bar=False,
        logger=False,
    )
    seconds = {"without": time.perf_counter() - start}
    z = model.get_latent_representation(cells(np.ones(len(x), bool)))
    log_p = []
    module, held = model.module.eval(), cells(test)
    loader = model._make_data_loader(adata=model._validate_anndata(held), batch_size=32)
    with torch.inference_mode():
        for tensors in loader:
            given = module._get_inference_input(tensors)
            inferred = module.inference(**given, n_samples=samples)
            made = module.generative(**module._get_generative_input(tensors, inferred))
            drawn = inferred["z"]
            log_px = made["px"].log_prob(tensors["X"]).sum(-1)
            log_pz = torch.distributions.Normal(0.0, 1.0).log_prob(drawn).sum(-1)
            log_qz = inferred["qz"].log_prob(drawn).sum(-1)
            weights = torch.logsumexp((log_px + log_pz - log_qz).double(), 0) - np.log(samples)
            log_p.append(weights.numpy())
    facts = {"epochs": epochs, "version": scvi.__version__, "samples": samples}
    save(folder, "scvi", z, np.concatenate(log_p), seconds, facts)


def table(folder):
    from vae.modalities.counts.integration import integration

    _, types, batches, test = loaded(folder)
    print(f"| {'':8} | log p(x), held out | s, compiled | s, with compilation | types | batches |")
    print("|---|---|---|---|---|---|")
    found = {}
    for name in ("here", "scvi"):
        if not (folder / f"{name}.npz").is_file():
            continue
        made = np.load(folder / f"{name}.npz")
        seconds = json.loads((folder / f"{name}.json").read_text())["seconds"]
        found[name] = log_p = made["log_p"]
        error = log_p.std() / len(log_p) ** 0.5
        widths = integration(made["z"][test], types[test], batches[test])
        first = seconds.get("with compilation", seconds["without"])
        print(
            f"| {name:8} | {log_p.mean():.2f} +- {error:.2f} | {seconds['without']:.1f} "
            f"| {first:.1f} | {widths.get('asw_label', np.nan):.3f} "
            f"| {widths.get('asw_batch', np.nan):.3f} |"
        )
    if len(found) == 2:
        apart = found["here"] - found["scvi"]
        error = apart.std() / len(apart) ** 0.5
        print(f"\nhere - scvi, cell by cell: {apart.mean():+.2f} +- {error:.2f} nats")


def recovery(workdir):
    """Prints what a run of `experiments/cells.py` has found of what drew its cells."""
    from sklearn.linear_model import RidgeCV
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict

    import vae
    from vae.modalities.counts import drawn
    from vae.modalities.counts.asked import asked, references, shares
    from vae.modalities.counts.integration import integration
    from vae.modalities.counts.tasks.differential import differential

    run = vae.load(workdir)
    cells, y, _ = asked(run, ())
    x = run.event.values.to_x(cells.counts.values.toarray())
    known = cells.columns
    program = np.stack([known[f"program_{m}"] for m in range(drawn.PROGRAMS)], 1)
    z = run.encode(x, y).mean
    read = cross_val_predict(RidgeCV(np.logspace(-3, 3, 7)), z, program, cv=5)
    r2 = 1 - ((program - read) ** 2).sum(0) / ((program - program.mean(0)) ** 2).sum(0)
    print("R^2 of the shares of programs, read linearly from z:", np.round(r2, 3))
    print({k: round(v, 3) for k, v in integration(z, known["type"], known["batch"]).items()})
    log_normal = np.log1p(x / x.sum(1, keepdims=True) * 10_000)
    vectors = np.linalg.eigh(np.cov(log_normal.T))[1]
    principal = (log_normal - log_normal.mean(0)) @ vectors[:, -10:]
    of_pca = integration(principal, known["type"], known["batch"])
    print("  of 10 principal components:", {k: round(v, 3) for k, v in of_pca.items()})

    def correlation(a, b):
        a, b = (np.log(np.maximum(p, 1e-6)) for p in (a, b))
        a, b = (p - p.mean(0) for p in (a, b))  # of a gene over cells, not of genes
        return float(np.median((a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0))))

    truth = drawn.expression(program)
    counted = (x + 0.5 / run.event.values.scale) / x.sum(1, keepdims=True)
    corrected = shares(run, z, references(run, "all", y))
    print("correlation with the true expression, median over genes, of its logarithm over cells:")
    for name, made in (("counts", counted), ("corrected", corrected)):
        print(f"  {name} {correlation(made, truth):.3f}")
    own = drawn.expression(program, np.searchsorted(drawn.BATCHES, known["batch"]))
    zero = x == 0
    expected = np.log(own * x.sum(1, keepdims=True) * run.event.values.scale)[zero]
    imputed = shares(run, z, [y]) * x.sum(1, keepdims=True) * run.event.values.scale
    found = np.corrcoef(np.log(np.maximum(imputed[zero], 1e-6)), expected)[0, 1]
    print(f"correlation of imputed zeros with what was expected there, log: {found:.3f}")
    paths, *_ = differential(run, column="type", group="T", against="B")
    lines = np.genfromtxt(paths[1], delimiter=",", names=True, dtype=None, encoding="utf-8")
    order = np.argsort([int(name.removeprefix("gene_")) for name in lines["gene"]])
    means = [truth[known["type"] == kind].mean(0) for kind in ("T", "B")]
    changed = np.abs(np.log2(means[0] / means[1])) > 0.5
    surest, found = lines["p_change"][order], lines["found"][order].astype(bool)
    print(
        f"differential T, B: AUROC {roc_auc_score(changed, surest):.3f} of {changed.sum()} genes "
        f"that change; {found.sum()} found, {(found & ~changed).sum()} of them falsely"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=["data", "here", "scvi", "table", "recovery"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--workdir", type=Path)
    parser.add_argument("--file", default="")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--weight_decay", type=float, help="of `here`, for few cells")
    parser.add_argument("--zeros", action="store_true")
    args = parser.parse_args()
    match args.part:
        case "data":
            data(args.folder, args.file)
        case "here":
            here(args.folder, args.epochs, args.zeros, args.samples, args.weight_decay)
        case "scvi":
            scvi(args.folder, args.epochs, args.zeros, args.samples)
        case "table":
            table(args.folder)
        case "recovery":
            recovery(args.workdir)


if __name__ == "__main__":
    main()
