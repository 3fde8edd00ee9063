"""The page to try a model by hand, in a real browser, with the keyboard alone."""

import pytest
from browser import BROWSER, opened

from bert_tf2.api import TextEncoder

TAB, ENTER, CTRL = ("Tab", 9), ("Enter", 13, "\r"), 2


def cosines(encoder: TextEncoder, texts: list[str]) -> list[list[str]]:
    vectors = encoder.encode(texts).astype(float)
    vectors /= (vectors**2).sum(axis=1, keepdims=True) ** 0.5
    return [[f"{value:.4f}" for value in row] for row in vectors @ vectors.T]


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_a_person_tries_a_model(server, served_model, tmp_path):
    encoder = TextEncoder.from_checkpoint(str(served_model.folder))
    with opened(str(tmp_path)) as page:
        page.call("Page.navigate", url=f"{server.url}/")
        page.wait_for("document.querySelectorAll('#model option').length == 2")
        assert page.value("document.getElementById('model').selectedOptions[0].text") == "default (vectors)"
        # Everything is reached by Tab, in the order in which it stands, and has a name.
        reached = []
        for _ in range(3):
            page.press(*TAB)
            reached.append(page.value("document.activeElement.id"))
        assert reached == ["model", "texts", "ask"]
        assert page.value("[...document.querySelectorAll('select, input, textarea')].every(one => one.labels.length == 1)")
        page.value("document.getElementById('texts').focus(); document.getElementById('texts').select()")
        page.call("Input.insertText", text="the movie was good\n<b>bad</b>")
        page.press(*TAB)
        page.press(*ENTER)
        page.wait_for("document.getElementById('said').textContent.startsWith('answered in')")
        cells = page.value("[...document.querySelectorAll('tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))")
        assert [row[0] for row in cells] == ["1  the movie was good", "2  <b>bad</b>"]
        assert [row[1:] for row in cells] == cosines(encoder, ["the movie was good", "<b>bad</b>"])
        # What the server refuses is shown, and Ctrl+Enter asks too.
        page.value(
            "document.getElementById('texts').focus(); document.getElementById('texts').value = 'good\\n' + 'a'.repeat(300)"
        )
        page.press("Enter", 13, modifiers=CTRL)
        assert page.wait_for("document.querySelector('#said.wrong')?.textContent").startswith("instances[1]: has 300 characters")
        assert page.value("document.querySelectorAll('table').length") == 0
        assert all(url.startswith(server.url) for url in page.asked)
        # But for the one refusal nothing was complained of.
        assert [line for line in page.complaints if ":predict" not in line and "favicon" not in line] == []


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_the_page_asks_for_a_key(narrow_server, tmp_path):
    with opened(str(tmp_path)) as page:
        page.call("Page.navigate", url=f"{narrow_server.url}/")
        page.wait_for("!document.getElementById('key_row').hidden")
        page.value("document.getElementById('key').focus()")
        page.call("Input.insertText", text="another")
        page.press(*TAB)
        page.wait_for("document.querySelectorAll('#model option').length == 1")
        page.value("document.getElementById('texts').focus()")
        page.press("Enter", 13, modifiers=CTRL)
        page.wait_for("document.querySelectorAll('tbody tr').length == 3")
