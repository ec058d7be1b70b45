"""What all live parts of a page are: a widget for the kernel, and a piece of the page that needs no kernel."""

import json
import uuid
from typing import Any

import anywidget
import matplotlib.pyplot as plt
import traitlets
from matplotlib.figure import Figure

from utils.plots.shown import mimebundle

from .assets import script, style


class Live(anywidget.AnyWidget):
    """What can be touched wherever the page runs its script: in a notebook, reopened without a kernel, or in a page
    made of it. Where there is no script, its still stands there.

    (A widget's usual output is a reference to the kernel's memory. A notebook that is opened again shows an error in
    its place.) With a kernel its state can be read, set and observed, as any widget's.

    A kind names its `files` and makes its `still`; its script defines `render({ model, el })`.
    """

    files: str
    _figure = traitlets.Unicode(help="by which the page finds the kernel's widget").tag(sync=True)

    def __init_subclass__(cls, **kwargs: Any):
        if "files" in vars(cls):  # a kind, not what traitlets derives from one
            cls._esm = f"{script(cls.files)}\nexport default {{ initialize, render }};"
            cls._css = style(cls.files)
        super().__init_subclass__(**kwargs)

    def __init__(self, **state: Any):
        super().__init__(_figure=uuid.uuid4().hex, **state)

    def still(self) -> tuple[dict, dict]:
        """How it stands in a page without scripts: HTML and plain text by MIME type, and what is said of them."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        bundle, about = self.still()
        kind: Any = next(cls for cls in type(self).__mro__ if "files" in vars(cls))
        whole = json.dumps(self.get_state(kind.class_own_traits(sync=True)))
        # with the digits of a float32: half the bytes
        state = json.dumps(json.loads(whole, parse_float=lambda number: float(f"{float(number):.7g}")))
        state = state.replace("<", "\\u003c")  # a word may be "</script>"
        start = f"alive(document.currentScript, {json.dumps(self._figure)}, {state});"
        bundle["text/html"] = (
            f'<div><div class="still">{bundle["text/html"]}</div><style>{style(self.files)}</style>'
            f"<script>(() => {{\n{script(self.files)}\n{start}\n}})();</script></div>"
        )
        return bundle, about


class LiveFigure(Live):
    """A live figure: its still is a picture, which a kind of figure draws."""

    def picture(self) -> Figure:
        """The figure as it stands, for a page without scripts."""
        raise NotImplementedError

    def still(self) -> tuple[dict, dict]:
        open_before = plt.get_fignums()
        try:
            return mimebundle(self.picture())
        finally:
            for number in set(plt.get_fignums()) - set(open_before):
                plt.close(number)
