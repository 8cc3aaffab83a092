"""The SLURM executor, on a cluster of one node that the tests start from Debian's slurm-wlm."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import until

from vae.errors import InputError
from vae.sweeps import executors
from vae.sweeps.executors import Job

CONFIG = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthInfo=socket={directory}/munge.socket,cred_expire=5
SlurmctldPort={port}
SlurmdPort={slurmd_port}
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SchedulerParameters=sched_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=1000
PartitionName=main Nodes=ALL Default=YES PriorityTier=1
PartitionName=urgent Nodes=ALL PriorityTier=10
"""
STUB = Path(__file__).with_name("stub.py")


def free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    daemons = ("munged", "slurmctld", "slurmd")
    if missing := [name for name in ("sbatch", *daemons) if not shutil.which(name)]:
        pytest.skip(f"SLURM is not installed: there is no {missing[0]}")
    if os.getuid():
        pytest.skip("only root can start SLURM's daemons")
    directory = tmp_path_factory.mktemp("slurm")
    port, slurmd_port = free_ports(2)
    (directory / "slurm.conf").write_text(
        CONFIG.format(
            host=socket.gethostname().split(".")[0],
            directory=directory,
            port=port,
            slurmd_port=slurmd_port,
            cores=os.cpu_count(),
        )
    )
    key = directory / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    files = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    munged = ["munged", "--force", f"--key-file={key}"]
    munged += [f"--{flag}={directory}/munge.{end}" for flag, end in files.items()]
    pids = ("munge.pid", "slurmctld.pid", "slurmd.pid")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(directory / "slurm.conf"))
        try:
            for command in (munged, ["slurmctld"], ["slurmd"]):
                subprocess.run(command, check=True, capture_output=True)
            until(lambda: "idle" in said("sinfo", "--noheader", "--format=%T"))
            yield directory
        finally:
            for name in reversed(pids):
                if (directory / name).exists():
                    os.kill(int((directory / name).read_text()), signal.SIGTERM)


def said(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout


@pytest.fixture
def slurm(cluster, tmp_path, monkeypatch):
    """Makes executors of a sweep in `tmp_path` whose jobs run the stub."""
    pytest.importorskip("submitit")
    from vae.sweeps.executors import slurm

    monkeypatch.setattr(slurm, "COMMAND", (sys.executable, STUB))
    monkeypatch.setattr(slurm, "QUERY_EVERY", 0.3)
    made = []

    def make(*options):
        made.append(slurm.Slurm(2, tmp_path, options))
        return made[-1]

    yield make
    for executor in made:
        executor.close()
    until(lambda: not said("squeue", "--noheader"))


def code(running):
    return until(lambda: running.poll() is not None and (running.poll(),))[0]


def start(executor, directory, name, *arguments):
    directory = directory / name
    directory.mkdir()
    arguments = arguments or ("save", str(directory))
    return directory, executor.start(Job(arguments, directory / "log.txt"))


@pytest.mark.slow
def test_exit_codes_and_output_are_the_commands(slurm, tmp_path):
    executor = slurm()
    jobs = [start(executor, tmp_path, str(c), "exit", str(c)) for c in (0, 1, 3)]
    assert [code(running) for _, running in jobs] == [0, 1, 3]
    for number, (directory, _) in zip((0, 1, 3), jobs, strict=True):
        log = (directory / "log.txt").read_text()
        assert f"out of exit {number}\n" in log
        assert f"err of exit {number}\n" in log


@pytest.mark.slow
def test_stop_lets_a_run_save_and_takes_one_that_waits_out_of_the_queue(slurm, tmp_path):
    executor = slurm(f"cpus_per_task={os.cpu_count()}")
    directory, running = start(executor, tmp_path, "running")
    until(lambda: (directory / "started").exists())
    waiting, queued = start(executor, tmp_path, "waiting")
    assert running.poll() is None
    assert queued.poll() is None
    queued.stop()
    running.stop()
    assert code(running) == 75
    assert (directory / "saved").read_text() == "saved\n"
    assert code(queued) == -signal.SIGKILL
    assert not (waiting / "started").exists()
    # All the cores that were asked for reach the command.
    assert (directory / "started").read_text() == str(os.cpu_count())


@pytest.mark.slow
@pytest.mark.parametrize("how", ["requeue", "down", "preempt"])
def test_a_job_that_slurm_takes_off_its_node_goes_on_there_later(slurm, tmp_path, how):
    executor = slurm(f"cpus-per-task={os.cpu_count()}")
    directory, running = start(executor, tmp_path, "job")
    until(lambda: (directory / "started").exists())
    node = f"nodename={socket.gethostname().split('.')[0]}"
    if how == "requeue":
        subprocess.run(["scontrol", "requeue", running.id], check=True)
    elif how == "down":
        down = ["state=drain", "reason=test"], ["state=down", "reason=test"], ["state=resume"]
        for change in down:
            subprocess.run(["scontrol", "update", node, *change], check=True)
            time.sleep(2)
    else:
        command = f"--partition=urgent --exclusive --output={tmp_path}/urgent --wrap=true"
        subprocess.run(["sbatch", *command.split()], check=True, capture_output=True)
    until(lambda: (directory / "saved").exists())
    assert code(running) == 0
    assert (directory / "log.txt").read_text().count("out of save") == 2


@pytest.mark.slow
def test_before_its_time_is_up_a_run_is_told_to_save(slurm, tmp_path):
    executor = slurm("time=2", "signal=TERM@110")  # of the two minutes so many seconds are left
    directory, running = start(executor, tmp_path, "job")
    assert code(running) == 75
    assert (directory / "saved").exists()


@pytest.mark.slow
def test_a_sweep_started_again_ends_the_jobs_its_dead_coordinator_left(slurm, tmp_path):
    directory, running = start(slurm(), tmp_path, "job")
    until(lambda: (directory / "started").exists())
    slurm()
    assert (directory / "saved").exists()
    assert running.poll() == 75


@pytest.mark.slow
def test_a_wrong_option_is_refused_in_slurms_words(slurm, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="invalid partition"):
        start(slurm("partition=none"), tmp_path, "job")
    monkeypatch.setenv("SBATCH_PARTITION", "nowhere")  # the user's own settings hold
    with pytest.raises(InputError, match="invalid partition"):
        start(slurm(), tmp_path, "other")


def test_without_slurm_there_is_one_sentence(monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="finds no sbatch"):
        executors.load("slurm").check([])


@pytest.mark.parametrize(("name", "package"), [("slurm", "submitit"), ("ray", "ray")])
def test_a_missing_engine_names_its_extra(monkeypatch, name, package):
    monkeypatch.delitem(sys.modules, f"vae.sweeps.executors.{name}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        InputError, match=rf"needs {package}: run pip install 'vae-experiments\[{name}\]'"
    ):
        executors.load(name)
