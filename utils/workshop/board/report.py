"""What is left of a workshop: one page in the form of a class's report, with no learner in it."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from utils.grading import class_page
from utils.grading.class_page import Item
from utils.grading.words import SIGNS

from .posts import Known
from .store import Store

TEMPLATE = Path(__file__).with_name("report.html")


def page(store: Store, known: Mapping[str, Known]) -> str:
    """For each exercise how many passed, and the mistakes with how often, as HTML."""
    ((joined,),) = store.rows("SELECT count(*) FROM learners")
    items = [_item(store, name, one, joined) for name, one in known.items()]
    chapters: list[tuple] = [(f"Workshop: {store.workshop.route}", items, [])] if joined else []
    return class_page.template(TEMPLATE).render(chapters=chapters, joined=joined, signs=SIGNS)


def _item(store: Store, name: str, one: Known, joined: int) -> Item:
    signs = Counter(dict(store.rows("SELECT sign, count(*) FROM standings WHERE exercise = :it GROUP BY 1", it=name)))
    signs["not attempted"] = joined - signs["passed"] - signs["failed"]
    question = "SELECT mistake, count(*) FROM made WHERE exercise = :it GROUP BY 1 ORDER BY 2 DESC"
    made = [(one.mistakes[mistake], count) for mistake, count in store.rows(question, it=name)]
    return Item(name, signs, made, unnamed=[], seconds=[], stopped=0)
