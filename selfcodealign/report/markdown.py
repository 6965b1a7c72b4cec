"""Model text as HTML that cannot do anything: Markdown with highlighted code, everything else escaped.

Only block structure, emphasis and code are rendered. Raw HTML, links and images are not: they stay visible as text, so
that a response can neither run a script nor fetch anything.
"""

from collections.abc import Sequence
from functools import cache
from html import escape

from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_RULES = ["fence", "code", "backticks", "emphasis", "heading", "list", "newline"]


def code_html(code: str, language: str = "python") -> str:
    """Highlighted code as one `<pre>`; token colours are CSS classes of the page.

    Args:
        code: source text, as untrusted as any.
        language: a name that Pygments knows; others give plain text.
    """
    return f'<pre class="code" tabindex="0"><code>{_spans(code, language)}</code></pre>'


def marked_code_html(lines: Sequence[tuple[str, bool]]) -> str:
    """Highlighted Python as one `<pre>` with some lines in `<mark>`.

    Args:
        lines: text of each line, as untrusted as any, and whether the line is marked.
    """
    texts = [text for text, _ in lines]
    spans = _spans("\n".join(texts) + "\n", "python").removesuffix("\n").split("\n")
    # Pygments breaks lines at a carriage return too; such code is shown without colours.
    shown = spans if len(spans) == len(texts) else [escape(text) for text in texts]
    tags = ["mark" if is_marked else "span" for _, is_marked in lines]
    body = "".join(f"<{tag}>{line}\n</{tag}>" for tag, line in zip(tags, shown, strict=True))
    return f'<pre class="code marked" tabindex="0"><code>{body}</code></pre>'


def _spans(code: str, language: str) -> str:
    """The code as HTML that ends with a line break; no element spans two lines."""
    try:
        lexer = get_lexer_by_name(language or "text", stripnl=False)
    except ClassNotFound:
        lexer = get_lexer_by_name("text", stripnl=False)
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))


def markdown_html(text: str) -> str:
    """Markdown as harmless HTML.

    Args:
        text: the model's answer.
    """
    rendered = _renderer().render(text)
    return str(rendered)


@cache
def _renderer() -> MarkdownIt:
    renderer = MarkdownIt("zero", {"html": False, "highlight": _highlight}).enable(_RULES)
    # Headings of an answer must not compete with the page's own.
    renderer.add_render_rule("heading_open", lambda *_: '<p class="answer-heading">')
    renderer.add_render_rule("heading_close", lambda *_: "</p>\n")
    return renderer


def _highlight(code: str, language: str, _attributes: str) -> str:
    known = language if language.isidentifier() else ""
    return code_html(code, known or ("python" if not language else "text"))


def plain_html(text: str) -> str:
    """Text with its line breaks kept by the page's style, escaped."""
    return f'<p class="plain">{escape(text)}</p>'
