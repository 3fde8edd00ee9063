"""A report as a page: the same content, nothing but it, and no text that becomes HTML."""

import base64
import html
import html.parser
import re

import pytest

from bert_tf2.tasks.written_tables import escaped
from bert_tf2.training.reporting.page import page
from bert_tf2.training.reporting.report import write_pages, write_report

HOSTILE = [
    "<script>alert(1)</script>",
    "</td></table><img src=x onerror=alert(1)>",
    "a | b \\| c \\",
    "**bold** `code` [link](javascript:alert(1)) ![p](x.png) *it* _it_ # ~ $x$",
    "&lt;b&gt; \"quoted\" 'single' &amp;",
    "line\nbreak <!-- -->",
]
VOID = {"meta", "img"}


class Parsed(html.parser.HTMLParser):
    """Checks that elements are closed in order; keeps tags with their attributes, and the rows of tables as text."""

    def __init__(self, content: str):
        super().__init__()
        self.tags, self.rows, self.text, self._open = [], [], "", []
        self.feed(content)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "li" and self._open[-1] == "li":
            self._open.pop()
        if tag not in VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        # An item's end may be left out.
        if tag == "ul" and self._open[-1] == "li":
            self._open.pop()
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" in self._open:
            return
        self.text += data
        if self._open and {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data


def shown(markdown: str, pictures=()) -> Parsed:
    return Parsed(page(markdown, dict(pictures).get))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_users_wrote_stays_text(text):
    table = f"| id | text |\n|---|---|\n| 7 | {escaped(text)} |\n| 8 | {text.replace('|', '').splitlines()[0]} |"
    found = shown(f"# {escaped(text)}\n\n{table}\n\n- **{escaped(text)}** (`{text.splitlines()[0]}`)\n")
    assert found.rows[1] == ["7", " ".join(text.split())]
    assert {tag for tag, _ in found.tags} <= {
        "html", "head", "meta", "title", "style", "body", "h1", "div", "table", "thead", "tbody", "tr", "th", "td", "ul", "li",
        "strong", "code",
    }  # fmt: skip
    assert not any(name.startswith("on") or name in ("src", "href") for _, attributes in found.tags for name in attributes)


def test_a_page_says_what_the_report_says_and_needs_nothing_else(tmp_path):
    content = b"\x89PNG\r\n\x1a\nbits"
    (tmp_path / "loss_curve.png").write_bytes(content)
    sections = [
        ("Errors", "2 of 3 are wrong:\n\n| id | text |\n|---:|---|\n| 1 | <script>alert(1)</script> |"),
        ("Answers", "- **who?** (`7`)\n    - gold: a\n    - context: … **b** c\n- **what?** (`8`)\n    - gold: d"),
        (
            "Again",
            "Once more:\n\n```\npython run.py --a=<b> | c\n```\nSee [seed 1](seed_1/report.md), [a site](https://example.org).",
        ),
    ]
    scores = [("eval", {"accuracy": 0.5, "f1/yes": 0.1})]
    path = write_report(str(tmp_path), "Report of x", [("data", "a|b.tsv"), ("steps", 40)], scores,
        [("Loss", str(tmp_path / "loss_curve.png"))], sections)  # fmt: skip
    assert path == str(tmp_path / "report.md")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    found = Parsed(text)
    assert found.rows == [
        ["data", "a|b.tsv"], ["steps", "40"], ["metric", "value"], ["accuracy", "0.5000"], ["id", "text"],
        ["1", "<script>alert(1)</script>"],
    ]  # fmt: skip
    tags = [tag for tag, _ in found.tags]
    assert (tags.count("h1"), tags.count("h2"), tags.count("ul"), tags.count("li")) == (1, 5, 3, 5)
    (image,) = [attributes for tag, attributes in found.tags if tag == "img"]
    assert image == {"alt": "Loss", "src": "data:image/png;base64," + base64.b64encode(content).decode()}
    assert [attributes["href"] for tag, attributes in found.tags if tag == "a"] == ["seed_1/report.html", "https://example.org"]
    assert "python run.py --a=<b> | c" in found.text
    assert "script" not in tags
    assert "link" not in tags
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in [attributes for _, attributes in found.tags]
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize("name", ["missing.png", "../secret.png", "/secret.png", "https://example.org/x.png", "loss.svg"])
def test_no_other_pictures_are_shown(name):
    asked = []
    found = Parsed(page(f"![Caption]({name})", lambda name: asked.append(name)))
    assert "img" not in [tag for tag, _ in found.tags]
    assert "Caption" in found.text
    assert asked == (["missing.png"] if name == "missing.png" else [])


@pytest.mark.parametrize("target", ["javascript:alert(1)", "data:text/html,x", "//example.org", "vbscript:x"])
def test_a_link_runs_nothing(target):
    found = shown(f"[x]({target})")
    assert "a" not in [tag for tag, _ in found.tags]
    assert target in found.text


def test_pages_are_those_of_another_renderer(tmp_path):
    """Beside markdown-it-py, which knows all of CommonMark and GitHub's tables: the same words in the same order."""
    markdown_it = pytest.importorskip("markdown_it")
    rows = "\n".join(f"| {number} | {escaped(text)} | {number / 7:.3f} |" for number, text in enumerate(HOSTILE))
    markdown = (
        f"# Report of x\n\n| | |\n|---|---|\n| data | a/b_c.tsv |\n\n## eval\n\nSome **bold** of `code`:\n\n| id | text | p |\n"
        f"|---|---|---|\n{rows}\n\n## Wrong\n\n2 of 3.\n\n- **who?** (`7`)\n    - gold: {escaped(HOSTILE[3])}\n"
        "- b\n\n```\na | b\n```\n"
    )
    write_pages(str(tmp_path), markdown)
    ours = re.search(r"<body>(.*)</body>", (tmp_path / "report.html").read_text(encoding="utf-8"), re.DOTALL)[1]
    other = markdown_it.MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    assert words(ours) == words(other)


def words(content: str) -> list[str]:
    return html.unescape(re.sub(r"<[^>]*>", " ", content)).split()
