"""ArchitectureSearch: which structure suits the data."""

from __future__ import annotations

from tools._planning import plan_search
from tools._search_args import SearchArgs
from tools._training import train
from tools.contract import TOOLS, Tool, ToolContext, ToolResult


@TOOLS.register
class ArchitectureSearch(Tool[SearchArgs]):
    """Search for the model architecture that suits a dataset best, within limits.

    Use it when the user asks for the architecture or network structure (layers, width, family), or asks to search
    architectures; for a finished model in general use AutoMLWorkflow. Takes the same arguments. Steps: task analysis,
    search space, model architect, evaluation. Returns the best architecture with its test metrics and its bundle.
    """

    name = "ArchitectureSearch"
    Args = SearchArgs
    examples = (
        "Find the best architecture for digits",
        "Which network structure suits wine?",
        "Search architectures with random search in 2 minutes",
        "Do a neural architecture search on churn.csv under 100 kB",
        "Compare mlp and linear on breast_cancer",
        "Find the smallest network that reaches 95 % on iris",
    )

    def run(self, args: SearchArgs, context: ToolContext) -> ToolResult:
        """Plan, submit, follow, tell."""
        plan, notices = plan_search(args, "architecture_search", context)
        return train(plan, notices, context)
