"""Runs every `test_` function of one suite file under MicroPython: `micropython run.py suite_rtu.py`.

Exit code 1 when a test fails or when there is none. MICROPYPATH names the folder of the board's files.
"""

import sys


def run(path):
    with open(path) as file:
        suite = {"__name__": "suite"}
        exec(compile(file.read(), path, "exec"), suite)
    tests = sorted(name for name in suite if name.startswith("test_"))
    failed = 0
    for name in tests:
        try:
            suite[name]()
            print("ok", name)
        except Exception as error:
            failed += 1
            print("FAILED", name)
            sys.print_exception(error)
    return 1 if failed or not tests else 0


sys.exit(run(sys.argv[1]))
