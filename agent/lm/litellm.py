"""Any provider through LiteLLM over HTTP: `openai/…`, `anthropic/…`, `gemini/…`, `ollama_chat/…`, a local server."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from agent.lm.backend import BACKENDS, Backend
from tools.core.errors import TaskError

if TYPE_CHECKING:
    import dspy

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else its import tries the network

_MODEL = re.compile(r"[\w.\-]+/\S+")
_TIMEOUT_S = 60.0
_TOOLS = "AUTOML_LM_TOOLS"
_KEYS = {
    "openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "gemini": "GEMINI_API_KEY", "groq": "GROQ_API_KEY",
    "mistral": "MISTRAL_API_KEY", "deepseek": "DEEPSEEK_API_KEY", "openrouter": "OPENROUTER_API_KEY",
    "xai": "XAI_API_KEY", "cohere": "COHERE_API_KEY", "together_ai": "TOGETHERAI_API_KEY",
}  # fmt: skip


@BACKENDS.register
class LiteLLM(Backend):
    """Reads the key from the provider's own variable; `AUTOML_API_BASE` points to a server of one's own.

    `AUTOML_LM_TOOLS=native` says that it takes tool calls; else the tools are told as text, and calls come as text.
    """

    name = "litellm"
    title = "any provider that LiteLLM knows"

    def accepts(self, model: str) -> bool:
        """Every `provider/model` string."""
        return _MODEL.fullmatch(model) is not None

    def build(self, model: str) -> dspy.LM:
        """A `dspy.LM` that always goes through LiteLLM, with neither a cache nor retries of its own."""
        import dspy

        if not self.accepts(model):
            raise TaskError(
                f"'{model}' is not a model name.",
                hint="Write provider/model, for instance openai/gpt-4o-mini, or planner.",
            )
        # Without `_skip_mcp_handler` LiteLLM imports the optional mcp package (2.x) as soon as a call has tools.
        options: dict[str, Any] = {"timeout": timeout_s(), "max_retries": 0, "_skip_mcp_handler": True}
        base = api_base(model)
        if base:
            options["api_base"] = base
            if not _key(model):
                options["api_key"] = "none"  # a server of one's own needs none, but the client insists on one
        kind = _with_tools() if os.environ.get(_TOOLS, "").strip().lower() == "native" else dspy.LM
        return kind(model, engine="litellm", cache=False, num_retries=0, **options)

    def status(self, model: str) -> dict[str, Any]:
        """Whether a key or an own server is set."""
        provider = model.split("/", 1)[0]
        needed = _KEYS.get(provider)
        base = api_base(model)
        if needed and not os.environ.get(needed) and not base:
            hint = f"Set {needed}, or AUTOML_API_BASE to a server of your own."
            return {"model": model, "backend": self.name, "ok": False, "message": f"{needed} is not set.", "hint": hint}
        where = f" at {base}" if base else ""
        return {
            "model": model,
            "backend": self.name,
            "ok": True,
            "message": f"{model}{where} through LiteLLM.",
            "hint": "",
        }


def _with_tools() -> type[dspy.LM]:
    """A model that takes tools natively, though LiteLLM does not know it: what `AUTOML_LM_TOOLS=native` says."""
    import dspy

    class NativeLM(dspy.LM):  # type: ignore[misc]
        supports_function_calling = True

    return NativeLM


def timeout_s() -> float:
    """Seconds for one reply (`AUTOML_LM_TIMEOUT`, default 60).

    Raises:
        TaskError: the variable holds something else.
    """
    text = os.environ.get("AUTOML_LM_TIMEOUT", "")
    try:
        seconds = float(text) if text else _TIMEOUT_S
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise TaskError("AUTOML_LM_TIMEOUT is not a positive number of seconds.", hint="Set it to 60, for instance.")
    return seconds


def api_base(model: str) -> str | None:
    """The address of a server of one's own; OPENAI_API_BASE counts for `openai/` models only."""
    own = os.environ.get("AUTOML_API_BASE")
    if own:
        return own
    if model.startswith(("openai/", "text-completion-openai/")):
        return os.environ.get("OPENAI_API_BASE") or os.environ.get("OPENAI_BASE_URL")
    return None


def _key(model: str) -> str | None:
    name = _KEYS.get(model.split("/", 1)[0])
    return os.environ.get(name) if name else None
