"""An executor that trains nothing: each job ends as its script says, after so many polls."""

import json
from pathlib import Path


def flags(job):
    return dict(a.removeprefix("--").split("=", 1) for a in job.arguments[1:])


def learning_rate(job):
    return float(flags(job)["config.optimizer.learning_rate"])


class FakeJob:
    def __init__(self, executor, job, polls, end):
        self.executor, self.job, self.polls, self.end = executor, job, polls, end
        self.workdir = Path(flags(job)["workdir"])
        self.stops = 0
        self.code = None

    def poll(self):
        if self.code is None:
            self.polls -= 1
            if self.stops:
                self.code = self.executor.stopped
            elif self.polls < 0:
                self.code = self.end(self)
            if self.code is not None:
                self.executor.running.remove(self)
        return self.code

    def stop(self):
        self.stops += 1

    def result(self, status="completed", **metrics):
        text = json.dumps({"status": status, "step": 4, "seconds": 2.0, "metrics": metrics})
        (self.workdir / "result.json").write_text(text)
        return {"completed": 0, "diverged": 3}[status]

    def log(self, step, value):
        with open(self.workdir / "metrics.jsonl", "a") as file:
            file.write(json.dumps({"step": step, "valid/elbo": value}) + "\n")


def elbo(job):
    """Ends as a run whose figure is best at a learning rate of 1e-3."""
    return job.result(**{"valid/elbo": -abs(learning_rate(job.job) - 1e-3)})


class FakeExecutor:
    """Jobs that last for so many polls.

    `end` gives the exit code, None for yet another poll; `stopped` is that of a job told to stop.
    """

    def __init__(self, slots=2, end=elbo, polls=1, stopped=75):
        self.stopped = stopped
        self.slots, self.end, self.polls = slots, end, polls
        self.running, self.started, self.most = [], [], 0

    def start(self, job):
        assert not (Path(flags(job)["workdir"]) / "result.json").exists() or self.resumes(job)
        started = FakeJob(self, job, self.polls, self.end)
        self.running.append(started)
        self.started.append(started)
        self.most = max(self.most, len(self.running))
        return started

    def resumes(self, job):
        """Whether a result is of an attempt that may be followed by another."""
        result = json.loads((Path(flags(job)["workdir"]) / "result.json").read_text())
        return result["status"] in ("failed", "preempted")

    def close(self):
        pass
