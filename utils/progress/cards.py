r"""The chapters' questions as cards to keep: a text that Anki imports, each card with its chapter as a tag.

The header lines are those of https://docs.ankiweb.net/importing/text-files.html. A field is HTML, with formulas between
\( and \).
"""

import html
import re

from markdown_it import MarkdownIt

from .course import chapters

HEADER = ["#separator:tab", "#html:true", "#deck:Attention", "#columns:Front\tBack\tTags", "#tags column:3"]


def cards() -> str:
    """All questions of all chapters, in course order: a line for each."""
    lines = [
        "\t".join([_field(question), _field(answer), f"chapter_{chapter.path.stem}"])
        for chapter in chapters()
        for question, answer in chapter.questions
    ]
    return "\n".join([*HEADER, *lines]) + "\n"


def _field(text: str) -> str:
    """Markdown on one line as HTML; a formula between dollars stays as it is, between brackets."""
    words = re.split(r"\$(.+?)\$", " ".join(text.split()))
    markdown = MarkdownIt("commonmark", {"html": True})
    return "".join(rf"\({html.escape(part)}\)" if i % 2 else _inline(markdown, part) for i, part in enumerate(words))


def _inline(markdown: MarkdownIt, part: str) -> str:
    """Rendered, with the spaces at its ends, which a paragraph would lose."""
    bare = part.strip()
    before, after = part[: len(part) - len(part.lstrip())], part[len(part.rstrip()) :]
    return f"{before}{markdown.renderInline(bare)}{after}" if bare else part
