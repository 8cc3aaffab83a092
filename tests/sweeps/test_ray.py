"""The Ray executor, on a local cluster that it starts itself."""

import os
import signal
import sys
from pathlib import Path

import pytest
from waiting import until

from vae.errors import InputError
from vae.sweeps import executors
from vae.sweeps.executors import Job

STUB = Path(__file__).with_name("stub.py")


def ended(running):
    return lambda: running.poll() is not None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of Ray's own sockets and files
@pytest.mark.filterwarnings("ignore::FutureWarning")  # of Ray, which is to leave devices alone
def test_jobs_end_with_their_codes_save_when_stopped_and_are_stopped_at_the_end(
    monkeypatch, tmp_path, capsys
):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    executor = executors.load("ray")(2, tmp_path, [f"num_cpus={os.cpu_count() / 2}"])
    from vae.sweeps.executors import ray

    monkeypatch.setattr(ray, "COMMAND", (sys.executable, STUB))
    try:
        assert "one is started" in capsys.readouterr().err
        for number in (0, 1, 3):
            log = tmp_path / str(number) / "log.txt"
            running = executor.start(Job(("exit", str(number)), log))
            until(ended(running))
            assert running.poll() == number
            assert log.read_text() == f"out of exit {number}\nerr of exit {number}\n"

        first, second, third = (tmp_path / name for name in ("first", "second", "third"))
        jobs = []
        for directory in (first, second, third):
            directory.mkdir()
            jobs.append(executor.start(Job(("save", str(directory)), directory / "log.txt")))
        until(lambda: (first / "started").exists() and (second / "started").exists())
        assert not (third / "started").exists()  # there is room for two
        jobs[2].stop()
        jobs[0].stop()
        until(ended(jobs[0]))
        assert jobs[0].poll() == 75
        assert (first / "saved").read_text() == "saved\n"
        assert jobs[2].poll() == -signal.SIGTERM
        assert jobs[1].poll() is None
    finally:
        executor.close()
    assert (second / "saved").exists()
    assert not (third / "started").exists()


@pytest.mark.parametrize(
    ("option", "words"),
    [("num_cpus=many", "'many' must be a number"), ("cpus=2", "options are num_cpus")],
)
def test_a_wrong_option_is_named(option, words):
    pytest.importorskip("ray")
    with pytest.raises(InputError, match=words):
        executors.load("ray")(1, Path("unused"), [option])
