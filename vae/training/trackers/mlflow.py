"""MLflow: a database in the current directory, unless MLFLOW_TRACKING_URI names a server."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from vae.config import flatten
from vae.modalities.sheets import Sheet
from vae.training.trackers import Tracked, Tracker

STATUS = {"completed": "FINISHED", "preempted": "KILLED"}  # of MLflow's; all else has FAILED
LONGEST = 500  # characters of a value
MOST = 100  # values of a call


class Run(Tracker):
    """A run in MLflow; the experiment there is `log.project`, and `group` a tag."""

    def __init__(self, run: Tracked) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # of its use, over the network
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        # A server that does not answer is asked again for minutes: what came of it is said once.
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
        from mlflow import MlflowClient, entities

        # A URI of the environment may have a password, and is kept nowhere.
        server = os.environ.get("MLFLOW_TRACKING_URI")
        uri = server or run.known.get("uri") or f"sqlite:///{Path('mlflow.db').absolute()}"
        self._client, self._entities = MlflowClient(uri), entities
        if run.known:
            self._id = run.known["run_id"]
            self._client.update_run(self._id, "RUNNING")
        else:
            self._id = self._begin(run)
        self.known = {"run_id": self._id} | ({} if server else {"uri": uri})
        self._client.log_dict(self._id, run.config, "config.json")
        where = "at MLFLOW_TRACKING_URI"
        if not server:
            where = f"in the current directory; see `mlflow ui --backend-store-uri {uri}`"
        self.place = f"MLflow has this run as {self._id} {where}"

    def _begin(self, run: Tracked) -> str:
        from mlflow.exceptions import MlflowException

        client = self._client
        try:
            experiment = client.create_experiment(run.project)
        except MlflowException:  # it exists, or another run has just made it
            found = client.get_experiment_by_name(run.project)
            if found is None:
                raise
            experiment = found.experiment_id
        tags = {"group": run.group} if run.group else {}
        begun = client.create_run(experiment, run_name=run.name, tags=tags).info.run_id
        params = [
            self._entities.Param(key, str(value)[:LONGEST])
            for key, value in flatten(run.config).items()
        ]
        for i in range(0, len(params), MOST):
            client.log_batch(begun, params=params[i : i + MOST])
        return begun

    def scalars(self, step: int, values: dict[str, float]) -> None:
        now = round(time.time() * 1000)
        metrics = [self._entities.Metric(k, float(v), now, step) for k, v in values.items()]
        self._client.log_batch(self._id, metrics=metrics)

    def sheet(self, step: int, name: str, sheet: Sheet) -> None:
        with tempfile.TemporaryDirectory() as folder:
            sheet.save(Path(folder) / f"{name}_{step:08d}.png")
            self._client.log_artifacts(self._id, folder, name)

    def end(self, result: dict[str, Any]) -> None:
        for name in ("status", "reason", "error"):
            if name in result:
                self._client.set_tag(self._id, name, result[name])
        self._client.log_dict(self._id, result, "result.json")
        self._client.set_terminated(self._id, STATUS.get(result["status"], "FAILED"))
