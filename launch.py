"""Trains, evaluates and uses variational autoencoders.

    python launch.py train       --config=experiments/digits.py [--workdir=runs/digits]
                                 [--config.optimizer.learning_rate=3e-4 ...] [--processes=2]
                                 [--coordinator=HOST:PORT --num_processes=2 --process_id=0]
    python launch.py sweep       --config=experiments/digits.py [--workdir=sweeps/digits]
                                 [--sweep=learning_rate,seeds] [--num_trials=50] [--workers=2]
                                 [--sampler=tpe|cmaes|random|qmc]
                                 [--pruner=none|median|halving|hyperband]
                                 [--executor=local|slurm|ray] [--executor_options=partition=gpu]
                                 [--members=8] [--config.training.steps=500 ...]
    python launch.py packing     --config=experiments/digits.py [--members=64]
    python launch.py evaluate    --workdir=runs/digits [--num_samples=5000] [--split=test]
                                 [--files=DIR,FILE]
    python launch.py sample      --workdir=runs/digits [--num=64] [--seed=0] [--draw] [--labels=0,1]
                                 [--attributes=Eyeglasses=1,Male=0] [--prior=mixture|flow|vae]
                                 [--temperature=0.8]
    python launch.py reconstruct --workdir=runs/digits [--num=32] [--split=test]
                                 [--files=DIR,FILE]
    python launch.py inpaint     --workdir=runs/digits [--files=DIR,FILE] [--mask=FILE]
                                 [--box=top,left,height,width] [--samples=4] [--num=8] [--seed=0]
                                 [--sweeps=200]
    python launch.py denoise     --workdir=runs/digits [--files=DIR,FILE] [--sigma=0.2]
    python launch.py super_resolve --workdir=runs/digits [--files=DIR,FILE] [--factor=4]
    python launch.py fidelity    --workdir=runs/digits [--num=2000] [--prior=mixture|flow|vae]
    python launch.py anomaly     --workdir=runs/digits [--files=FILES] [--outliers=FILES_OR_SET]
    python launch.py verify      --workdir=runs/digits [--num=3000] [--files=A.jpg,B.jpg]
                                 [--pairs=FILE [--files=DIR]]
    python launch.py nearest     --workdir=runs/digits [--num=16] [--prior=mixture|flow|vae]
    python launch.py augment     --workdir=runs/digits [--num=1000] [--files=LABELLED_FOLDER]
    python launch.py interpolate --workdir=runs/faces [--files=A.jpg,B.jpg] [--steps=9]
                                 [--method=spherical|linear]
    python launch.py traverse    --workdir=runs/faces [--files=A.jpg] [--num=20] [--steps=9]
    python launch.py edit        --workdir=runs/faces --attribute=Eyeglasses [--strength=2]
                                 [--files=DIR] [--method=means|linear] [--keep=Smiling,Hat]
                                 [--residual]
    python launch.py edit        --workdir=runs/faces --measure [--strength=1] [--method=linear]
    python launch.py transfer    --workdir=runs/faces [--files=A.jpg,B.jpg]
    python launch.py results     --workdir=runs [--out=FILE], or --workdir=sweeps/digits
    python launch.py list        [--workdir=sweeps]

`train` and `sweep` again with the same --workdir go on where they stopped. Every other command
takes its configuration from the run, and writes into the run directory or --out=DIR. `results`
writes a table of all runs in --workdir into RESULTS.md beside them, or adds their rows to
--out=FILE, or writes what a sweep found into its directory.
Exit codes: 0 done; 1 failed; 2 wrong command line or config; 3 diverged; 75 preempted (run the same
command again); 130 stopped by Ctrl-C.
"""

import sys

from vae.training import signals

if __name__ == "__main__":
    signals.listen(signals.end)  # before the imports, which may take seconds

from absl import flags
from ml_collections import config_flags

from vae import commands
from vae.errors import InputError, reason

_CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "The experiment's file; --config.KEY=VALUE changes one of its values.",
    lock_config=False,  # `base()` locks all but the settings of parts, which have any name
    accept_new_attributes=True,
)
flags.DEFINE_string("workdir", None, "The run directory; runs/NAME of the experiment if absent.")
flags.DEFINE_string(
    "out",
    None,
    "The directory for what a task makes, the run directory if absent. results: the file whose "
    "rows are added to or replaced.",
)
flags.DEFINE_list(
    "sweep", None, "What to sweep: of sweep_NAME and space_NAME in the config's file."
)
flags.DEFINE_integer("num_trials", None, "Points to try of a space; 50 if absent.", lower_bound=1)
flags.DEFINE_enum("sampler", "tpe", ["tpe", "cmaes", "random", "qmc"], "What draws the points.")
flags.DEFINE_enum(
    "pruner",
    "none",
    ["none", "median", "halving", "hyperband"],
    "What gives up a trial that does worse than others did.",
)
flags.DEFINE_enum("executor", "local", ["local", "slurm", "ray"], "What runs the trials.")
flags.DEFINE_list(
    "executor_options",
    [],
    "What each trial needs: for slurm options of sbatch, as partition=gpu,gres=gpu:1,time=4:00:00; "
    "for ray num_cpus=4,num_gpus=1.",
)
flags.DEFINE_integer("workers", 1, "How many trials at once.", lower_bound=1)
flags.DEFINE_integer(
    "members",
    None,
    "How many trials to train in one program; measured if absent, 1 on a CPU.",
    lower_bound=1,
)
flags.DEFINE_list("trials", None, "population: the trials of a sweep to train in one program.")
flags.DEFINE_integer("cpu_devices", None, "Make the CPU appear as so many devices.", lower_bound=1)
flags.DEFINE_integer(
    "processes", 1, "train: start so many processes on this machine and watch them.", lower_bound=1
)
flags.DEFINE_string("coordinator", None, "train on several hosts: HOST:PORT of process 0.")
flags.DEFINE_integer("num_processes", None, "How many processes there are.", lower_bound=1)
flags.DEFINE_integer("process_id", None, "Which of them this is, from 0.", lower_bound=0)
flags.DEFINE_enum("split", "test", ["train", "valid", "test"], "The split to use.")
flags.DEFINE_integer("num", None, "How many examples.", lower_bound=1)
flags.DEFINE_integer("num_samples", None, "Importance samples of the NLL.", lower_bound=1)
flags.DEFINE_list("files", None, "Your own files and folders; test examples if absent.")
flags.DEFINE_integer("steps", None, "Examples along the way.", lower_bound=1)
flags.DEFINE_string(
    "method", None, "interpolate: spherical or linear. edit: means or linear (classifier)."
)
flags.DEFINE_string("attribute", None, "The attribute to edit.")
flags.DEFINE_float("strength", None, "How far: 1 is from without it to with it, -1 back.")
flags.DEFINE_list("keep", None, "Attributes that an edit is to leave alone; all others if absent.")
flags.DEFINE_bool("measure", False, "Read on test examples what each attribute's edit does to all.")
flags.DEFINE_bool("residual", None, "Keep in an edit what the reconstruction lacks of the image.")
flags.DEFINE_integer("seed", 0, "Seed of the samples.", lower_bound=0, upper_bound=2**32 - 1)
flags.DEFINE_bool("draw", False, "Draw the values, too, instead of showing their mean.")
flags.DEFINE_list(
    "labels",
    None,
    "Classes of the samples, by number or name, one after the other; all if absent. For --files: "
    "one each.",
)
flags.DEFINE_list(
    "attributes",
    None,
    "Attributes of the samples, or of --files: Eyeglasses=1,Male=0; of each with / between.",
)
flags.DEFINE_float(
    "temperature", None, "Scale the prior's standard deviation by it.", lower_bound=0.0
)
flags.DEFINE_enum(
    "prior", None, ["mixture", "flow", "vae"], "Fit it to the latents and sample from it instead."
)
flags.DEFINE_string("mask", None, "An image file, white where pixels are missing.")
flags.DEFINE_list("box", None, "What is missing: top,left,height,width; the middle if absent.")
flags.DEFINE_integer("samples", 4, "How many repairs of each image.", lower_bound=1)
flags.DEFINE_integer(
    "sweeps", None, "Of the Markov chain of each repair: more where R-hat says so.", lower_bound=1
)
flags.DEFINE_float("sigma", 0.2, "Deviation of the noise on images, of black 0 and white 1.")
flags.DEFINE_integer("factor", 4, "How many times larger to make images.")
flags.DEFINE_string("pairs", None, "verify: pairs of images, laid out as LFW's pairs.txt.")
flags.DEFINE_list("outliers", None, "Examples that are none of the data: files, or a data set.")
flags.DEFINE_string("step", "latest", "The checkpoint to use: a step, latest, or best.")


def main(arguments: list[str]) -> int:
    """Runs one command; returns the exit code."""
    try:
        return commands.run(__doc__, _CONFIG, flags.FLAGS, arguments)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {reason(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
