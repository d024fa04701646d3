"""AutoMLWorkflow: from data to a verified model."""

from __future__ import annotations

from tools._planning import plan_search
from tools._search_args import SearchArgs
from tools._training import train
from tools.contract import TOOLS, Tool, ToolContext, ToolResult


@TOOLS.register
class AutoMLWorkflow(Tool[SearchArgs]):
    """Train a model end to end on a dataset: search, train, test on untouched data, export a verified ONNX bundle.

    Use it whenever the user wants a model (train, build, predict a column, classify, forecast, make it smaller or
    better). Pass every limit the user names: time_s in seconds, max_model_size in bytes, max_latency_ms, min_accuracy.
    Returns test metrics, which limits are met, and the bundle. Takes about time_s seconds.
    """

    name = "AutoMLWorkflow"
    Args = SearchArgs
    examples = (
        "Train a classifier on iris",
        "Predict churned from churn.csv, under 2 MB and 5 ms per row, half an hour at most",
        "Build the best model for wine in 30 seconds",
        "Make me a regression model for diabetes with 5-fold cross-validation",
        "I need a text classifier for these messages, accuracy first (0.7), size second (0.3)",
        "Train a small text generator on this book",
        "Run experiment 3 again with the same seed",
        "Try again with twice the time",
    )

    def run(self, args: SearchArgs, context: ToolContext) -> ToolResult:
        """Plan, submit, follow, tell."""
        plan, notices = plan_search(args, "workflow", context)
        return train(plan, notices, context)
