import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("server")

_PROBE = """
import json, sys, time
began = time.monotonic()
from pathlib import Path
from ui.app import build, launch_options
home = Path(sys.argv[1])
page = build(home)
(home / "downloads").mkdir(exist_ok=True)
_, url, _ = page.launch(server_name="127.0.0.1", quiet=True, prevent_thread_lock=True, **launch_options(home))
import agent.react  # what the first turn loads
print(json.dumps({"url": url, "seconds": time.monotonic() - began, "torch": "torch" in sys.modules}), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, object], Path]]:
    home = tmp_path_factory.mktemp("served") / "home"
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(home / "cache" / "gradio")}
    process = subprocess.Popen(
        [sys.executable, "-c", _PROBE, str(home)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    yield json.loads(process.stdout.readline()), home
    process.stdin.close()
    process.wait(20)
    process.stdout.close()


def test_the_server_is_ready_soon_and_has_not_loaded_torch(served: tuple[dict[str, object], Path]) -> None:
    told, _ = served
    assert told["torch"] is False
    assert float(str(told["seconds"])) < 12  # under 4 s when the machine is free; others may be testing beside


def test_only_downloads_are_served(served: tuple[dict[str, object], Path]) -> None:
    told, home = served
    (home / "sessions").mkdir(exist_ok=True)
    files = [
        home / "history.json",
        home / "sessions" / "s.jsonl",
        Path("pyproject.toml").absolute(),
        Path("/etc/hostname"),
    ]
    (home / "sessions" / "s.jsonl").write_text("{}", encoding="utf-8")
    (home / "downloads" / "a.zip").write_text("x", encoding="utf-8")

    def status(path: Path) -> int:
        try:
            with urllib.request.urlopen(f"{told['url']}gradio_api/file={urllib.parse.quote(str(path))}") as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    assert [status(path) for path in files] == [403] * len(files)
    assert status(home / "downloads" / "a.zip") == 200
