"""What the browser's tests do in JupyterLab: open a chapter, run it, ask its kernel, wait."""

import inspect
import json
import re
import time

PATIENCE = 300_000  # milliseconds: a slow machine is no failure
READY = """
    const app = window.jupyterapp;
    await app.restored;
    const panel = app.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
"""
RUN_ALL = (
    f"async () => {{{READY}"
    + """
    await app.commands.execute("notebook:run-all-cells");
}"""
)
IN_KERNEL = """async (code) => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const future = kernel.requestExecute({ code, store_history: false });
    let printed = "";
    future.onIOPub = (message) => {
        if (message.header.msg_type === "stream") printed += message.content.text;
        if (message.header.msg_type === "error") printed += message.content.evalue;
    };
    await future.done;
    return printed.trim();
}"""
EDIT_CELL = """async (id) => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = notebook.widgets.findIndex((cell) => cell.model.id === id);
    await notebook.scrollToItem(notebook.activeCellIndex);
    notebook.mode = "edit";
    notebook.activeCell.editor.focus();
}"""
RUN_TO_THE_FIGURE = (
    f"async () => {{{READY}"
    + """
    const cells = panel.content.widgets;
    const figure = cells.findIndex((cell) => cell.model.sharedModel.getSource().includes("figure = widgets."));
    panel.content.activeCellIndex = figure + 1;
    await app.commands.execute("notebook:run-all-above");
    return cells.slice(0, figure + 1).every((cell) => cell.model.type !== "code" || cell.model.executionCount > 0);
}"""
)
ALL_RUN = """() => window.jupyterapp.shell.currentWidget.content.widgets.every(
    (cell) => cell.model.type !== "code" || (cell.model.executionState === "idle" && cell.model.executionCount > 0)
)"""
TO_THE_MIDDLE = """(plane) => {
    plane.scrollIntoView({ block: "center" });
    const box = plane.getBoundingClientRect();
    return plane.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
}"""
ACTIVE_CELL = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"


def written(weight):
    """A weight as the figures write it."""
    return "<.01" if 0 < weight < 0.005 else f"{weight:.2f}".removeprefix("0")


def until(condition):
    """Wait until the condition holds. Raises TimeoutError when patience ends."""
    end = time.monotonic() + PATIENCE / 1000
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(inspect.getsource(condition))
        time.sleep(0.1)


def in_reach(figure, part=".plane"):
    """Bring a part of the figure to the middle of the window; False while the page is still being laid out."""
    part = figure.locator(part)
    hit = part.evaluate(TO_THE_MIDDLE)
    before = part.bounding_box()
    time.sleep(0.5)
    return hit and before == part.bounding_box() and part.evaluate(TO_THE_MIDDLE)


def opened(browser, lab, notebook):
    """A chapter in a window and a workspace of its own, run down to its figure."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.goto(lab)
    page.wait_for_url("**/lab/tree/**")
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(re.sub("/lab/tree/.*", f"/lab/workspaces/{notebook[:2]}/tree/{notebook}", page.url))
    page.wait_for_function("path => window.jupyterapp?.shell?.currentWidget?.context?.path === path", arg=notebook)
    assert page.evaluate(RUN_TO_THE_FIGURE), "a cell above the figure was not run"
    return page


def in_kernel(page, code):
    return page.evaluate(IN_KERNEL, code)


def told(page, code):
    """What the kernel knows, as JSON."""
    return json.loads(in_kernel(page, f"import json; print(json.dumps({code}))"))
