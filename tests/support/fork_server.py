"""The one server from which tests fork processes that live and are killed: it has loaded what those need.

A second list of modules would replace the first, and each of hundreds of lives would then load the program anew.
"""

import multiprocessing

FORK_SERVER = multiprocessing.get_context("forkserver")
FORK_SERVER.set_forkserver_preload(["tests.support.house", "tests.support.ledger"])
