"""The table of where a learner stands, and the place to go on."""

import html
from dataclasses import dataclass

from .course import Chapter, Task, chapters
from .store import Check, Prediction, kept

SIGNS = {"passed": "✓", "changed": "✓?", "failed": "✗", "open": "○"}
MEANING = "✓ agrees   ✓? agreed, and has changed since (or is not saved)   ✗ differs   ○ open"


@dataclass(frozen=True)
class Standing:
    """An exercise and how it stands: passed, changed (since it passed), failed or open."""

    task: Task
    chapter: Chapter
    how: str


class Table:
    """Chapters by exercises, as it was when this was made."""

    def __init__(self) -> None:
        # a check of nothing, or of the course's own version, takes nothing back
        self.checks = [check for check in kept(Check) if check.status != "not attempted"]
        self.told = {each.question: each for each in kept(Prediction) if each.happened is not None}  # the latest
        self.course = chapters()
        self.standings = [Standing(task, chapter, self._how(task)) for chapter in self.course for task in chapter.tasks]

    def _how(self, task: Task) -> str:
        checks = [check for check in self.checks if check.exercise == task.name]
        passed = [check for check in checks if check.status == "passed"]
        if checks and checks[-1].status == "failed":
            return "failed"
        if not passed:
            return "open"
        return "passed" if task.answer is not None and passed[-1].answer in (None, task.answer) else "changed"

    @property
    def next(self) -> Standing | None:
        """Where to go on: at the exercise whose answer was new last, or the first after it that is not passed.

        (A chapter that is run again checks again what it has.)
        """
        order = [standing.task.name for standing in self.standings]
        new = list(dict.fromkeys((check.exercise, check.answer, check.status) for check in self.checks))
        last = order.index(new[-1][0]) if new and new[-1][0] in order else 0
        ahead = [standing for standing in self.standings[last:] + self.standings[:last] if standing.how != "passed"]
        return ahead[0] if ahead else None

    def __repr__(self) -> str:
        width = max((len(chapter.title) for chapter in self.course), default=0)
        lines = []
        for chapter in self.course:
            signs = "  ".join(f"{SIGNS[each.how]} {each.task.name}" for each in self._of(chapter))
            lines.append(f"{chapter.path.stem[:2]} {chapter.title:{width}}  {self._minutes(chapter):>12}  {signs}")
            if came_true := self._came_true(chapter):
                lines.append(f"{'':{width + 19}}{came_true} predictions came true")
        return "\n".join([*lines, MEANING, self._go_on()])

    def _repr_html_(self) -> str:
        rows = []
        for chapter in self.course:
            signs = " &ensp; ".join(
                f'<span title="{html.escape(each.task.title)}, {each.task.minutes} minutes">'
                f"{SIGNS[each.how]}&nbsp;{html.escape(each.task.name)}</span>"
                for each in self._of(chapter)
            )
            link = f'<a href="{chapter.path.name}">{chapter.path.stem[:2]} {html.escape(chapter.title)}</a>'
            rows.append(_row("td", link, self._minutes(chapter), signs, self._came_true(chapter)))
        return (
            f"<table><thead>{_row('th', 'chapter', 'minutes left', 'exercises', 'predictions')}</thead>"
            f"<tbody>{''.join(rows)}</tbody></table>"
            f"<div>{html.escape(MEANING)}</div><div><b>{html.escape(self._go_on())}</b></div>"
        )

    def _of(self, chapter: Chapter) -> list[Standing]:
        return [standing for standing in self.standings if standing.chapter is chapter]

    def _minutes(self, chapter: Chapter) -> str:
        all_of_them = sum(each.task.minutes for each in self._of(chapter))
        left = sum(each.task.minutes for each in self._of(chapter) if each.how != "passed")
        return f"{left} of {all_of_them}"

    def _came_true(self, chapter: Chapter) -> str:
        told = [self.told[question] for question in chapter.predictions if question in self.told]
        return f"{sum(each.choice == each.happened for each in told)} of {len(told)}" if told else ""

    def _go_on(self) -> str:
        if self.next is None:
            return "Every exercise is done."
        task = self.next.task
        return f"Go on with exercise {task.number}, {task.title}, in chapters/{self.next.chapter.path.name}"


def _row(kind: str, *cells: str) -> str:
    inner = "".join(f'<{kind} style="text-align: left">{cell}</{kind}>' for cell in cells)
    return f"<tr>{inner}</tr>"
