"""One JupyterHub for a class, on one machine; jupyterhub.md tells how it is set up."""

import sys

c = get_config()  # type: ignore[name-defined]  # noqa: F821  # JupyterHub puts it there

c.JupyterHub.bind_url = "http://127.0.0.1:8000"  # what browsers talk to stands before it, and speaks TLS
c.LocalAuthenticator.allowed_groups = {"learners"}  # with the machine's accounts and their passwords

c.Spawner.default_url = "/lab/tree/course/chapters/00_start_here.ipynb"
# a process that asks for more than two gigabytes is told so by a MemoryError, and the others go on
c.Spawner.cmd = ["prlimit", "--data=2000000000", sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--MappingKernelManager.transport_encryption=required"]  # or learners can read each other's outputs
c.Spawner.environment = {"OMP_NUM_THREADS": "1"}  # kernels outnumber the cores
c.Spawner.start_timeout = c.Spawner.http_timeout = 120  # seconds: a class arrives within one minute

# a server that was idle for an hour is stopped; what its learner saved is kept
c.JupyterHub.services = [
    {"name": "cull", "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=3600"]},
]
c.JupyterHub.load_roles = [
    {
        "name": "cull",
        "services": ["cull"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    },
]
