"""Runs one command to its end and says what it took, as one line of JSON on stdout.

  measure.py --log FILE --limit SECONDS -- COMMAND...

seconds            from just before the start until the process has ended, on a monotonic clock
processor_seconds  user and system time of the process, all its threads, and the children it waited for (wait4)
peak_kib           largest resident set of the process itself (VmHWM); wait4's own figure would count this program, whose memory the child shares until it executes
exit               the exit code; -N after signal N
timed_out          whether it was killed because of the limit

The command's output goes to FILE. When the caller dies, the kernel kills this program, and with it the command.

It uses the standard library only, and is started with `python -I -S`.
"""
import argparse
import ctypes
import json
import os
import signal
import subprocess
import threading
import time

# <linux/prctl.h>
PR_SET_PDEATHSIG = 1

# Seconds between two looks at the peak, which only grows: the last look misses what a process takes in its last hundredth of a second.
LOOK_EVERY = 0.01

LIBC = ctypes.CDLL(None, use_errno=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", required=True, help="file for the command's output")
    parser.add_argument("--limit", type=float, required=True, help="seconds until the command is killed")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    die_with_the_parent()
    with open(options.log, "wb") as log:
        print(json.dumps(measure(options.command, log, options.limit)))


def measure(command, log, limit):
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_the_parent)
    ended, seen = threading.Event(), {"peak_kib": 0, "timed_out": False}
    watcher = threading.Thread(target=watch, args=(process.pid, begin + limit, ended, seen))
    watcher.start()
    # Not reaped before the watcher has stopped: the process id stays ours for as long as it may send a signal.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    seconds = time.perf_counter() - begin
    ended.set()
    watcher.join()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {"seconds": seconds, "processor_seconds": usage.ru_utime + usage.ru_stime, "exit": process.returncode, **seen}


def watch(pid, deadline, ended, seen):
    while not ended.wait(LOOK_EVERY):
        seen["peak_kib"] = max(seen["peak_kib"], peak(pid))
        if time.perf_counter() > deadline and not seen["timed_out"]:
            seen["timed_out"] = True
            os.kill(pid, signal.SIGKILL)


def peak(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)
    except ProcessLookupError:
        return 0


def die_with_the_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    main()
