"""The process that local workers are forked from, begun early: it imports what they need while this one does the
same. In a file of its own, for on other machines nothing is forked."""

import os
from multiprocessing import forkserver


def warm_up() -> None:
    """Before the engine is imported, which reads the variable then."""
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")  # what goes wrong is said once, by us
    forkserver.set_forkserver_preload(["distributed.nanny", "scanner.cluster.part"])
    forkserver.ensure_running()
