"""The hub of jupyterhub_config.py, with a board that is told everybody's checks; jupyterhub.md says how to start it."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
HUB, ROUTE, CODE = (os.environ[name] for name in ("HUB", "ROUTE", "CODE"))
PORT = os.environ.get("BOARD_PORT", "8800")

c = get_config()  # type: ignore[name-defined]  # noqa: F821  # JupyterHub puts both there
load_subconfig(str(HERE / "jupyterhub_config.py"))  # type: ignore[name-defined]  # noqa: F821

options = [f"--address=https://{HUB}/services/board", f"--route={ROUTE}", f"--code={CODE}"]
options += ["--host=127.0.0.1", f"--port={PORT}", "--file=board.sqlite"]
c.JupyterHub.services += [
    {
        "name": "board",
        "url": f"http://127.0.0.1:{PORT}",
        "command": [sys.executable, "-m", "utils.workshop", "board", *options],
        "environment": {"PYTHONPATH": str(HERE.parents[1])},
        "timeout": 300,  # seconds: it loads PyTorch before it answers, and the hub ends when it does not
        "display": False,  # its page's address ends with the code, so the hub's own link would lead nowhere
    },
]
# kernels run beside it, so what they send needs neither the name nor the TLS of the hub
c.Spawner.environment["ATTENTION_COURSE_BOARD"] = f"http://127.0.0.1:{PORT}/services/board/{CODE}"
