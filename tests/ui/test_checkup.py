"""What `doctor` says of the language model."""

from __future__ import annotations

import socket

import pytest

from ui.checkup import silent_server


def test_a_server_that_answers_nobody_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        listening.listen()
        monkeypatch.setenv("AUTOML_API_BASE", f"http://127.0.0.1:{port}/v1")
        assert silent_server("openai/x") == ""
    assert silent_server("openai/x") == f"127.0.0.1:{port}"
    assert silent_server("planner") == ""
    monkeypatch.setenv("AUTOML_API_BASE", "localhost")
    assert "not a URL" in silent_server("openai/x")
    monkeypatch.delenv("AUTOML_API_BASE")
    assert silent_server("openai/x") == ""
