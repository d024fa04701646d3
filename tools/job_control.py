"""JobControl: running work."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tools._training import follow, short
from tools.contract import TOOLS, Tool, ToolArgs, ToolContext, ToolResult
from tools.core.errors import ExperimentError
from tools.core.records import JobRecord
from tools.core.units import format_duration
from tools.tracking.wording import metric_title, number

MOST_LISTED = 10


class JobArgs(ToolArgs):
    """What to do with which job."""

    action: Literal["status", "list", "cancel", "resume"] = Field(
        default="status", description="status of one job, list of jobs, cancel a running one, resume a stopped one"
    )
    job: int | None = Field(
        default=None,
        description="the job's number, which is its experiment's; omitted: the one that is meant most likely",
    )


@TOOLS.register
class JobControl(Tool[JobArgs]):
    """Look at, cancel or resume running work (training jobs).

    Use it when the user asks how far a training is, what is running, wants to stop it, or wants to go on with an
    interrupted, cancelled or failed one. Cancelling needs the user's yes; finished trials are always kept.
    """

    name = "JobControl"
    Args = JobArgs
    examples = (
        "How far is the training?",
        "What is running right now?",
        "Stop the job",
        "Cancel experiment 4",
        "Resume experiment 2",
        "Go on where it was interrupted",
        "Is it done yet?",
    )

    def confirm(self, args: JobArgs, context: ToolContext) -> str | None:
        """Cancelling is asked about first."""
        if args.action != "cancel":
            return None
        job = self._meant(args, context)
        if job.status != "running":
            return None
        return f"Shall I cancel experiment {job.id} on {job.dataset}? Its finished trials are kept."

    def run(self, args: JobArgs, context: ToolContext) -> ToolResult:
        """Do it.

        Raises:
            ExperimentError: there is no such job, or it cannot be done now.
        """
        if args.action == "list":
            return self._list(context)
        job = self._meant(args, context)
        if args.action == "status":
            return self._status(job, context.store.get(job.id).metric)
        if args.action == "resume":
            context.jobs.resume(job.id)
            return follow(job.id, context)
        job = context.jobs.cancel(job.id)
        trials = context.store.get(job.id).trials
        return ToolResult(
            summary=f"Experiment {job.id} on {job.dataset} is cancelled; its {trials} finished trials are kept.",
            data={"job": job.id, "status": job.status, "trials": trials},
            experiment=job.id,
            next_step="It can be resumed where it stopped.",
            options=("Resume it", "Show my experiments"),
        )

    def _meant(self, args: JobArgs, context: ToolContext) -> JobRecord:
        """The job named, else the newest one that fits the action, else the current experiment's."""
        if args.job is not None:
            return context.jobs.get(args.job)
        if args.action == "resume":
            records = [r for r in context.store.list() if r.status in ("interrupted", "cancelled", "failed")]
            current = [record for record in records if record.id == context.current_experiment]
            if not records:
                raise ExperimentError("There is no stopped job to resume.", hint="List the jobs to see all of them.")
            return context.jobs.get((current or records)[-1].id)
        running = context.jobs.running()
        own = [job for job in running if job.id == context.current_experiment]
        if running:
            return (own or running)[-1]
        if args.action == "cancel":
            raise ExperimentError(
                "Nothing is running, so there is nothing to cancel.", hint="List the jobs to see all."
            )
        return context.jobs.get(context.resolve_experiment(None).id)

    def _status(self, job: JobRecord, metric: str | None) -> ToolResult:
        metrics = job.metrics
        parts = [f"Experiment {job.id} on {job.dataset} is {job.status}"]
        data: dict[str, object] = {"job": job.id, "status": job.status}
        if job.status == "running" and metrics is not None:
            best = metrics.best_metrics.get(metric or "")
            trial = f", trial {metrics.current_trial}" if metrics.current_trial else ""
            parts.append(f": {metrics.phase}{trial}, {metrics.progress:.0%} done")
            parts.append(f", best {metric_title(metric)} so far {number(best)}" if best is not None else "")
            if metrics.time_left_s is not None:
                parts.append(f", {format_duration(max(0.0, metrics.time_left_s))} left")
            data |= {
                "phase": metrics.phase, "trial": metrics.current_trial, "progress": short(metrics.progress),
                "best": {name: short(value) for name, value in metrics.best_metrics.items()},
                "time_left_s": short(metrics.time_left_s),
            }  # fmt: skip
        if job.error is not None:
            parts.append(f": {job.error.message.rstrip('.')}")
            data["error"] = job.error.message[:200]
        options = {
            "running": ("Cancel it", "Show the learning curve"),
            "completed": ("How good is it?", "Show the report"),
        }.get(job.status, ("Resume it",))
        return ToolResult(
            summary="".join(parts) + ".",
            data=data,
            status="running" if job.status == "running" else "done",
            experiment=job.id,
            dataset=job.dataset,
            next_step="" if job.status in ("running", "completed") else "It can be resumed where it stopped.",
            options=options,
        )

    def _list(self, context: ToolContext) -> ToolResult:
        jobs = context.jobs.list()
        if not jobs:
            raise ExperimentError("There are no jobs yet.", hint="Train a model first, for instance on iris.")
        running = [job for job in jobs if job.status == "running"]
        lines = [f"{job.id}: {job.dataset}, {job.status}" for job in reversed(jobs[-MOST_LISTED:])]
        head = f"{len(running)} running, {len(jobs)} in all"
        return ToolResult(
            summary=f"{head}. The latest: {'; '.join(lines)}.",
            data={
                "running": [job.id for job in running][:MOST_LISTED],
                "jobs": [
                    {"job": job.id, "dataset": job.dataset[:40], "status": job.status} for job in jobs[-MOST_LISTED:]
                ],
                "total": len(jobs),
            },
            options=("How far is it?", "Cancel it") if running else ("Show my experiments",),
        )
