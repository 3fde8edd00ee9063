"""A report as one HTML page that needs nothing else: what its Markdown says, with its pictures inside.

Only the Markdown that reports are written in is known; whatever else stands there is shown as the text that it is, and no text
becomes HTML.
"""

import base64
import html
import re
from collections.abc import Callable, Iterator, Sequence

_INLINE = re.compile(
    r"\\(?P<sign>[!-/:-@\[-`{-~])"
    r"|(?P<ticks>`+)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)"
    r"|(?P<picture>!?)\[(?P<caption>(?:\\.|[^\]\\])*)\]\((?P<target>[^()\s]+)\)"
    r"|\*\*(?P<bold>(?:\\.|[^*\\])+)\*\*"
)
_HEADING = re.compile(r"(#{1,6}) +(.*)")
_ITEM = re.compile(r"( *)- +(.*)")
_CELL = re.compile(r"((?:\\.|[^|\\])*)\|")
_DELIMITERS = re.compile(r"\|(\s*:?-+:?\s*\|)+\s*")
_NUMBER = re.compile(r"[-+±\d][\d,.]*( ?%| ± [\d.]+)?|nan|–")
_PICTURE = re.compile(r"\w[\w.-]*\.png")
_FENCE = "```"

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --link: #06c; }
@media (prefers-color-scheme: dark) { :root { --link: #6bf; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: break-word; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.2rem; }
a { color: var(--link); }
img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
figure { margin: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92em; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td { min-width: 2.5rem; max-width: 36rem; }
th { background: var(--soft); } .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code, pre { background: var(--soft); border-radius: 4px; font-size: .92em; } code { padding: .1em .3em; }
pre { padding: .7rem; overflow-x: auto; } pre code { padding: 0; background: none; }
"""

Picture = Callable[[str], bytes | None]


def page(markdown: str, picture: Picture) -> str:
    """The HTML page of a report.

    Args:
      markdown: headings, paragraphs, tables, lists of up to two levels, fenced code, pictures, links, bold and code.
      picture: gives the PNG of a name beside the report; None where there is none.
    """
    lines = markdown.split("\n")
    title = next((found[2] for found in map(_HEADING.fullmatch, lines) if found), "Report")
    body = "\n".join(_blocks(lines, picture))
    # The policy is for what a browser might yet be made to load.
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(re.sub(_INLINE, lambda found: found['sign'] or found[0], title))}</title>\n"
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _blocks(lines: Sequence[str], picture: Picture) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line, begin = lines[at], at
        if heading := _HEADING.fullmatch(line):
            at += 1
            yield f"<h{len(heading[1])}>{_inline(heading[2], picture)}</h{len(heading[1])}>"
        elif line.startswith(_FENCE):
            at = next((end for end in range(at + 1, len(lines)) if lines[end].startswith(_FENCE)), len(lines)) + 1
            yield f"<pre><code>{html.escape(chr(10).join(lines[begin + 1 : at - 1]))}</code></pre>"
        elif _is_table(lines, at):
            at = next((end for end in range(at, len(lines)) if not lines[end].startswith("|")), len(lines))
            yield _table([lines[begin], *lines[begin + 2 : at]], picture)
        elif _ITEM.fullmatch(line):
            at = next((end for end in range(at, len(lines)) if not _ITEM.fullmatch(lines[end])), len(lines))
            yield _list(lines[begin:at], picture)
        elif not line.strip():
            at += 1
        else:
            at = next((end for end in range(at + 1, len(lines)) if _ends_paragraph(lines, end)), len(lines))
            text = _inline(" ".join(lines[begin:at]), picture)
            yield f"<figure>{text}</figure>" if re.fullmatch("<img [^>]*>", text) else f"<p>{text}</p>"


def _is_table(lines: Sequence[str], at: int) -> bool:
    return lines[at].startswith("|") and at + 1 < len(lines) and _DELIMITERS.fullmatch(lines[at + 1]) is not None


def _ends_paragraph(lines: Sequence[str], at: int) -> bool:
    line = lines[at]
    begins = line.startswith(_FENCE) or _HEADING.fullmatch(line) or _ITEM.fullmatch(line) or _is_table(lines, at)
    return not line.strip() or bool(begins)


def _table(lines: Sequence[str], picture: Picture) -> str:
    header, *rows = ([cell.strip() for cell in _CELL.findall(line[1:])] for line in lines)
    columns = ([row[column] for row in rows if column < len(row) and row[column]] for column in range(len(header)))
    numeric = [bool(cells) and all(map(_NUMBER.fullmatch, cells)) for cells in columns]
    head = f"<thead>{_row(header, 'th', numeric, picture)}</thead>" if any(header) else ""
    body = "\n".join(_row(row, "td", numeric, picture) for row in rows)
    return f'<div class="wide"><table>{head}<tbody>\n{body}\n</tbody></table></div>'


def _row(cells: Sequence[str], tag: str, numeric: Sequence[bool], picture: Picture) -> str:
    shown = []
    for column, cell in enumerate(cells):
        kind = ' class="n"' if column < len(numeric) and numeric[column] else ""
        shown.append(f"<{tag}{kind}>{_inline(cell, picture)}</{tag}>")
    return f"<tr>{''.join(shown)}</tr>"


def _list(lines: Sequence[str], picture: Picture) -> str:
    shown, inside = ["<ul>"], False
    for found in filter(None, map(_ITEM.fullmatch, lines)):
        is_below = bool(found[1]) and len(shown) > 1
        shown += ["<ul>"] if is_below and not inside else ["</ul>"] if inside and not is_below else []
        shown.append(f"<li>{_inline(found[2], picture)}")
        inside = is_below
    return "\n".join([*shown, *(["</ul>"] if inside else []), "</ul>"])


def _inline(text: str, picture: Picture) -> str:
    shown, end = [], 0
    for found in _INLINE.finditer(text):
        shown.append(html.escape(text[end : found.start()]))
        shown.append(_marked(found, picture))
        end = found.end()
    return "".join([*shown, html.escape(text[end:])])


def _marked(found: re.Match[str], picture: Picture) -> str:
    if found["sign"]:
        return html.escape(found["sign"])
    if found["code"]:
        return f"<code>{html.escape(found['code'])}</code>"
    if found["bold"]:
        return f"<strong>{_inline(found['bold'], picture)}</strong>"
    caption, target = found["caption"], found["target"]
    if found["picture"]:
        content = picture(target) if _PICTURE.fullmatch(target) else None
        data = None if content is None else base64.b64encode(content).decode()
        return html.escape(caption) if data is None else f'<img alt="{html.escape(caption)}" src="data:image/png;base64,{data}">'
    if not re.match("https?://", target) and (":" in target or target.startswith("//")):
        return html.escape(found[0])
    # Of another run's report the page is meant, too.
    target = re.sub(r"(^|/)report\.md$", r"\1report.html", target)
    return f'<a href="{html.escape(target)}">{_inline(caption, picture)}</a>'
