"""The process that local workers are forked from, begun early: it imports what they need while this one does the
same. In a file of its own, for on other machines nothing is forked."""

import os
import signal
from multiprocessing import forkserver, resource_tracker


def warm_up() -> None:
    """Before the engine is imported, which reads the variable then. A Ctrl-C, which the terminal sends to all, is for
    this process alone."""
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")  # what goes wrong is said once, by us
    forkserver.set_forkserver_preload(["distributed.nanny", "scanner.cluster.engine"])
    resource_tracker.ensure_running()  # it unblocks the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    forkserver.ensure_running()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
