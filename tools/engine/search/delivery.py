"""From trained models to a delivered one: exported, verified, scored on untouched rows, held against the limits."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tools.core.errors import AutoMLError
from tools.core.records import BestModel, Resources
from tools.engine.execution import process
from tools.engine.export.runtime import missing_packages
from tools.engine.search import steps
from tools.engine.search.deliver import (
    check_limits,
    complete_bundle,
    own_peak,
    save_predictions,
    score_bundle,
    score_models,
    shortfall,
)
from tools.engine.search.prepare import Prepared
from tools.engine.search.refit import Delivered, Refit
from tools.engine.search.run import Run
from tools.engine.search.space import Space
from tools.engine.search.team import Judged, Team, alone

if TYPE_CHECKING:
    from tools.engine.export.bundle import BundleReport

log = logging.getLogger(__name__)
UNTESTED = (
    "The time was over before the model was scored on the test rows: evaluate it, and give it more time next time."
)


def insure(run: Run, prepared: Prepared, space: Space, judged: Judged) -> None:
    """Export the first good trial, so that there is a valid model whatever becomes of the rest of the time."""
    team = alone(judged)
    try:
        delivered = Refit(prepared, space.families, team, run.folder, run.plan.seed, 1).kept()
        _export(run, prepared, delivered, team)
    except AutoMLError as error:
        log.warning("The first model could not be exported: %s", error)


def _chosen(delivered: Delivered, team: Team) -> BestModel:
    """The delivered model as it is told before the file itself was measured."""
    best = team.best
    return BestModel(
        **best.model_dump(
            include=set(BestModel.model_fields) - {"trial", "family", "model_architecture", "n_parameters"}
        ),
        trial=best.number,
        family=best.model_architecture,
        model_architecture=team.name,
        n_parameters=sum(learner.n_parameters for learner in delivered.learners),
    )


def _export(run: Run, prepared: Prepared, delivered: Delivered, team: Team) -> tuple[BundleReport, dict[str, Any]]:
    """Write the verified bundle; the record names it at once, in case there is no time left for more.

    Returns:
        What was written, and the fields of the record that went into it.
    """
    from tools.engine.export.bundle import write_bundle

    source, chosen = prepared.source, _chosen(delivered, team)
    fields = {
        "best": chosen.model_dump(mode="json"),
        "validation": team.metrics,
        "metric": source.task.metric,
    }
    report = write_bundle(
        run.folder,
        plan=run.plan,
        dataset=source.dataset,
        task=source.task,
        encoder=delivered.fitted.encoder,
        target=delivered.fitted.target,
        learners=delivered.learners,
        weights=delivered.weights,
        splits=source.splits,
        record_fields=fields,
    )
    run.sink.update(
        best=chosen.model_copy(update={"model_size": report.size_bytes}),
        validation=team.metrics,
        bundle=str(report.folder),
        onnx=str(report.onnx),
        parity=report.parity,
        warnings=(UNTESTED, *source.profile.warnings),
    )
    return report, fields


def deliver(run: Run, prepared: Prepared, delivered: Delivered, team: Team) -> None:
    """Export, score the exported file on the untouched rows, check the limits, and write it all down."""
    plan, source, best = run.plan, prepared.source, team.best
    missing = missing_packages()
    if missing:
        _deliver_unexported(run, prepared, delivered, team, missing)
        return
    with run.phase("export"):
        report, fields = _export(run, prepared, delivered, team)
        chosen = _chosen(delivered, team).model_copy(update={"model_size": report.size_bytes})
    with run.phase("verify"):
        scored = score_bundle(report, prepared, delivered.fitted, plan.seed)
        validation = run.folder / "checkpoints" / str(best.number) / "validation.npz"
        save_predictions(run.folder / "predictions.npz", scored.pop("predictions"), scored.pop("truth"), validation)
        steps.clean(run.folder)
        resources = Resources(
            peak_memory=own_peak(run.monitor.peak_memory),
            training_time=best.resources.training_time,
            inference_latency=report.latency_ms,
            cpu_s=best.resources.cpu_s,
            gpu_memory=best.resources.gpu_memory,
        )
        checks = check_limits(
            plan.limits,
            metric=source.task.metric,
            test=scored["test"],
            size_bytes=report.size_bytes,
            latency_ms=report.latency_ms,
            wall_s=round(run.budget.elapsed, 3),
            peak_memory=resources.peak_memory,
            disk=max(run.monitor.peak_disk, process.folder_bytes(run.folder)),
            gpu_memory=resources.gpu_memory or 0,
        )
        complete_bundle(
            report.folder,
            {
                **fields,
                **scored,
                "best": chosen.model_dump(mode="json"),
                "constraints": [check.model_dump(mode="json") for check in checks],
                "trained_on": delivered.how,
            },
        )
    run.monitor.collect_metrics("done", {"best_metrics": team.metrics})
    run.sink.update(
        best=chosen.model_copy(update={"resources": resources}),
        validation=team.metrics,
        constraints=checks,
        phases=run.phases,
        resources=resources,
        bundle=str(report.folder),
        onnx=str(report.onnx),
        parity=report.parity,
        wall_s=round(run.budget.elapsed, 3),
        warnings=(*shortfall(source.task.metric, scored["test"], scored["baseline"]), *source.profile.warnings),
        **scored,
    )


def _deliver_unexported(
    run: Run, prepared: Prepared, delivered: Delivered, team: Team, missing: tuple[str, ...]
) -> None:
    """Where nothing can be exported: score the trained models and keep them as they are, with a word about it."""
    chosen = _chosen(delivered, team)
    with run.phase("verify"):
        for number, learner in enumerate(delivered.learners):
            learner.save(run.folder / f"model_{number}")
        scored = score_models(delivered, prepared, run.plan.seed)
        validation = run.folder / "checkpoints" / str(chosen.trial) / "validation.npz"
        save_predictions(run.folder / "predictions.npz", scored.pop("predictions"), scored.pop("truth"), validation)
    install = (
        f"There is no ONNX file, because {', '.join(missing)} cannot be imported: pip install {' '.join(missing)}."
    )
    run.sink.update(
        best=chosen,
        validation=team.metrics,
        phases=run.phases,
        wall_s=round(run.budget.elapsed, 3),
        warnings=(install, *prepared.source.profile.warnings),
        **scored,
    )
