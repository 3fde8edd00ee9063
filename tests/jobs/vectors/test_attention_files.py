"""Attention weights as arrays, and as a page, which a real browser opens where one is installed."""

import html
import json
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from vector_material import LAYERS, TEXTS

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TEXT = "the movie was </script><b>good & bad"


def test_weights_are_transformers(model, texts_file, tmp_path, capsys):
    flags = [f"--input_file={texts_file}", "--attentions", "--batch_size=2"]
    assert model.extract(*flags, f"--output_file={tmp_path}/all.npz") == 0
    assert model.extract(*flags, f"--output_file={tmp_path}/some.npz", "--layers=-1,0") == 0
    with np.load(tmp_path / "all.npz") as whole, np.load(tmp_path / "some.npz") as some:
        assert len(whole.files) == 2 * len(TEXTS)
        for index, text in enumerate(TEXTS):
            weights = whole[f"attentions_{index}"]
            assert weights.dtype == np.float32
            np.testing.assert_allclose(weights, model.attentions(text), rtol=0, atol=1e-5)
            assert whole[f"tokens_{index}"].tolist() == model.hidden_states(text)[0]
            np.testing.assert_allclose(some[f"attentions_{index}"], weights[[-1, 0]], rtol=0, atol=1e-6)
    assert "1 row holds no text" in capsys.readouterr().err


@pytest.fixture(scope="module")
def page(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "attention.html"
    assert model.extract(f"--attention_page={path}", f"--text={TEXT}", "--text_b=very good") == 0
    return path


def test_the_page_holds_all_and_loads_nothing(model, page):
    text = page.read_text(encoding="utf-8")
    assert f"<h1>{html.escape(TEXT)} ||| very good</h1>" in text
    assert re.findall(r"""(?:src|href)\s*=|@import|url\(|https?://(?!www\.w3\.org/2000/svg)""", text) == []
    # The text's own tags end no script.
    assert text.count("</script>") == 2
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])
    tokens, states = model.hidden_states(TEXT, "very good")
    assert data["tokens"] == tokens
    assert [token for token, special in zip(tokens, data["special"]) if special] == ["[CLS]", "[SEP]", "[SEP]"]
    assert np.array(data["weights"]).shape == (LAYERS, 2, len(tokens), len(tokens))
    np.testing.assert_allclose(np.sum(data["weights"], axis=-1), 1, atol=1e-2)
    assert states.shape[1] == len(tokens)


def rendered(page, script: str = "", fragment: str = "") -> str:
    """The page's elements after a browser has run it, and a script behind its own."""
    opened = page.with_name("opened.html")
    opened.write_text(page.read_text().replace("</body>", f"<script>{script}</script></body>"))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom"]
    flags.append(f"--user-data-dir={page.parent}/profile")
    done = subprocess.run(
        [BROWSER, *flags, f"file://{opened}{fragment}"], capture_output=True, text=True, timeout=100, check=True
    )
    return done.stdout


def chosen(dom: str) -> str:
    return re.search(r'<b id="chosen"[^>]*>([^<]*)</b>', dom)[1]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_a_browser_shows_the_heads(page):
    data = json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(), re.S)[1])
    dom = rendered(page)
    assert chosen(dom) == "Layer 0, head 0"
    assert dom.count("<button") == LAYERS * 2
    shown = np.array(data["weights"][0][0])
    assert dom.count("<line") == (shown >= 0.01).sum()
    assert chosen(rendered(page, fragment="#layer=2&head=1")) == "Layer 2, head 1"
    # Keys: a layer down, a head on, around the end.
    keys = "".join(
        f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true, cancelable: true}}));"
        for key in ("ArrowDown", "ArrowRight", "ArrowUp", "ArrowUp")
    )
    dom = rendered(page, f"document.getElementById('head-0-0').focus(); {keys} document.title = document.activeElement.id;")
    assert chosen(dom) == f"Layer {LAYERS - 1}, head 1"
    assert f"<title>head-{LAYERS - 1}-1</title>" in dom
    assert len(re.findall(r'<button [^>]*aria-pressed="true"', dom)) == 1
    # A token alone: its lines, and its shares in percent.
    dom = rendered(page, "document.querySelectorAll('#asking li')[1].dispatchEvent(new Event('focus'));")
    assert dom.count("<line") == (shown[1] >= 0.01).sum()
    shares = [float(share) for share in re.findall(r'class="share">([\d.]+) %<', dom)]
    np.testing.assert_allclose(shares, 100 * shown[1], atol=0.06)
    # Without special tokens.
    dom = rendered(page, "document.getElementById('special').click();")
    assert len(re.findall(r"<li[ >]", dom)) == 2 * (len(data["tokens"]) - 3)
    assert dom.count('<li tabindex="0"') == len(data["tokens"]) - 3


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--attention_page={}/p.html"], "--text is required"),
        (["--attention_page={}/p.html", "--text=a", "--pooling=mean"], "--pooling does nothing beside --attention_page"),
        (["--attention_page={}/p.html", "--text=a", "--input_file=x"], "--input_file does nothing beside --attention_page"),
        (["--attention_page={}/p.html", "--text=a", "--layers=7"], "there is no layer 7"),
        (["--attention_page={}/there", "--text=a"], "is there already"),
        (["--attention_page={}", "--text=a"], "is a directory"),
        (["--text=a", "--output_file={}/v.npz"], "--text is for --attention_page"),
        (["--attentions", "--output_file={}/v.jsonl", "--input_file={}/there"], "--attentions writes .npz"),
        (["--attentions", "--output_file={}/v.npz", "--input_file={}/there", "--normalize"], "--normalize makes vectors"),
    ],
    ids=str,
)
def test_wrong_commands(model, tmp_path, capsys, flags, message):
    (tmp_path / "there").write_text("a\n")
    assert model.extract(*(flag.format(tmp_path) for flag in flags)) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert os.listdir(tmp_path) == ["there"]
