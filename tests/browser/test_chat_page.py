"""The page as a user meets it, in a real browser, with the real agent and real trainings."""

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200), pytest.mark.xdist_group("browser")]

TRAINED = 75_000


def say(page: Page, text: str) -> None:
    box = page.locator("#message textarea")
    box.fill(text)
    box.press("Enter")


def wait_until_answered(page: Page, timeout: int = TRAINED) -> None:
    page.wait_for_selector("#message button.submit-button", timeout=timeout)


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Two kinds of flowers that are easy to tell apart."""
    random = np.random.default_rng(0)
    rows = ["height,width,kind"]
    for number in range(120):
        large = number % 2
        height, width = random.normal(4 + 3 * large, 0.5), random.normal(1 + large, 0.3)
        rows.append(f"{height:.2f},{width:.2f},{'lily' if large else 'daisy'}")
    path = tmp_path / "flowers.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_upload_ask_watch_plot_download(page: Page, flowers: Path, tmp_path: Path) -> None:
    page.set_input_files("#message input[type=file]", str(flowers))
    expect(page.locator("#message").get_by_label("Remove file")).to_be_visible()
    say(page, "Train a classifier that predicts kind, 60 seconds, 6 trials")

    expect(page.locator("#chat [data-testid=user]")).to_contain_text("flowers.csv")
    expect(page.locator("#chat .thought-group")).to_contain_text("Building a model", timeout=25_000)
    expect(page.locator("#chat progress")).to_be_visible(timeout=25_000)
    expect(page.locator("#chat .thought-group")).to_contain_text(re.compile(r"\d+ s left"), timeout=25_000)
    expect(page.locator("#chat .thought-group")).to_contain_text("task analysis", timeout=25_000)

    wait_until_answered(page)
    expect(page.locator("#chat .thought-group").first).to_contain_text("Built a model")
    expect(page.locator("#chat table").first).to_contain_text("accuracy")
    expect(page.locator("#chat .js-plotly-plot").first).to_be_visible()

    link = page.locator("#chat a[href*='.zip']").first
    with page.expect_download() as caught:
        link.click()
    archive = tmp_path / "bundle.zip"
    caught.value.save_as(archive)
    with zipfile.ZipFile(archive) as bundle:
        name = next(name for name in bundle.namelist() if name.endswith("model.onnx"))
        session = ort.InferenceSession(io.BytesIO(bundle.read(name)).getvalue())
    feed = {
        "height": np.array([[4.0], [7.0]], dtype=np.float32),
        "width": np.array([[1.0], [2.0]], dtype=np.float32),
    }
    labels = session.run(["label"], feed)[0]
    assert labels.tolist() == ["daisy", "lily"]


def test_a_reload_in_the_middle_loses_nothing(page: Page) -> None:
    say(page, "Train a classifier on wine, 60 seconds, 12 trials")
    expect(page.locator("#chat progress")).to_be_visible(timeout=25_000)
    address = page.url
    assert "session=" in address

    page.reload()
    expect(page.locator("#chat [data-testid=user]")).to_contain_text("Train a classifier on wine")
    expect(page.locator("#chat .thought-group")).to_contain_text("Building a model")
    expect(page.locator("#message button.stop-button")).to_be_visible()
    assert page.url == address

    wait_until_answered(page)
    expect(page.locator("#chat table").first).to_contain_text("accuracy")
    expect(page.locator("#sessions")).to_contain_text("Train a classifier on wine")


@pytest.mark.slow
def test_stop_asks_about_the_job_and_stops_it(page: Page) -> None:
    say(page, "Train a classifier on digits, 60 seconds")
    expect(page.locator("#chat progress")).to_be_visible(timeout=25_000)
    page.locator("#message button.stop-button").click()
    expect(page.locator("#stop-row")).to_contain_text("Stop the training job as well?")
    page.locator("#stop-job").click()
    wait_until_answered(page, timeout=25_000)
    expect(page.locator("#stop-row")).to_be_hidden()
    expect(page.locator("#chat [data-testid=bot]").last).to_contain_text("Stopped")

    page.get_by_role("tab", name="Jobs").click()
    expect(page.locator("#jobs .job").first).to_contain_text("cancelled")
