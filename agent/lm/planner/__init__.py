"""The built-in planner: a DSPy language model engine that understands requests about models without any LLM."""

from agent.lm.planner import backend as backend
