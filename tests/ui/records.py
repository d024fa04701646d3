"""Experiments as the history keeps them, without any training."""

from pathlib import Path

from tools.core.records import (
    BestModel,
    ConstraintCheck,
    ErrorInfo,
    ExperimentPlan,
    ExperimentRecord,
    Limits,
    Resources,
    TrialRecord,
    now,
)
from tools.tracking.store import Store


def make_finished(store: Store, accuracy: float = 0.967) -> ExperimentRecord:
    plan = ExperimentPlan(dataset="iris", request="a classifier", limits=Limits(time_s=20))
    record = store.create(plan, dataset="iris")
    bundle = Path(record.folder) / "bundle"
    bundle.mkdir(parents=True)
    (bundle / "model.onnx").write_bytes(b"not really a model")
    (bundle / "metadata.json").write_text("{}", encoding="utf-8")
    curve = tuple({"epoch": float(e), "train_loss": 1 / e, "accuracy": 1 - 0.3 / e} for e in range(1, 6))
    add_trial(store, record.id, TrialRecord(
        number=0, model_architecture="mlp 2x64", status="completed", score=0.95, objective=0.95, model_size=12_000,
        curve=curve, metrics={"accuracy": 0.95},
    ))  # fmt: skip
    best = BestModel(
        model_architecture="mlp 2x64", family="mlp", trial=0, n_parameters=4_800, model_size=12_000,
        status="completed", resources=Resources(inference_latency=0.02),
    )  # fmt: skip
    return store.update(
        record.id,
        status="completed",
        finished_at=now(),
        task="classification",
        metric="accuracy",
        best=best,
        test={"accuracy": accuracy, "f1_macro": accuracy},
        validation={"accuracy": 0.95},
        baseline={"accuracy": 0.333},
        confidence={"accuracy": (0.9, 1.0)},
        constraints=(ConstraintCheck(name="max_model_size", asked=200_000, measured=12_000, met=True),),
        trials=1,
        wall_s=19.2,
        bundle=str(bundle),
        onnx=str(bundle / "model.onnx"),
    )


def make_failed(store: Store) -> ExperimentRecord:
    record = store.create(ExperimentPlan(dataset="churn.csv"), dataset="churn.csv")
    error = ErrorInfo(type="task", message="There is no column 'x'.", hint="Name one of the columns.")
    return store.update(record.id, status="failed", finished_at=now(), error=error)


def add_trial(store: Store, experiment: int, trial: TrialRecord) -> None:
    path = Path(store.get(experiment).folder) / "trials.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write(trial.model_dump_json() + "\n")
