"""Starts one service and sees to it that the service never outlives its owner.

  leash.py --run DIR --log FILE [--user UID:GID] [--stop-signal NAME] [--grace SECONDS] -- COMMAND...

The owner holds the write end of this process's stdin and writes nothing. When the owner exits, crashes or is killed,
the kernel closes that end, the leash reads the end of the file, stops the service and whatever it has started, and
exits. SIGTERM and SIGINT do the same. When the leash itself is killed, the kernel kills the service.

Once the service is started, one line on stdout says its process id. When the service ends by itself, so does the leash.

DIR is the run's folder and DIR/lock the proof of life: each leash and the owner hold a shared lock on it. The last one
to let go removes the folder.

It uses the standard library only, and is started with `python -I -S`, which takes about 10 ms.
"""
import argparse
import ctypes
import fcntl
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import time

# <linux/prctl.h>
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

# Seconds that processes may take to vanish after SIGKILL before the leash gives up; the kernel needs milliseconds.
KILL_LIMIT = 5.0

LIBC = ctypes.CDLL(None, use_errno=True)


def main():
    options = parse(sys.argv[1:])
    wakeup = wake_on_signals(signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    # Orphans of the service become children of the leash: nothing it starts can escape the sweep.
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    lock = os.open(options.run / "lock", os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_SH)

    service = start(options)
    say(f"{service.pid}\n")
    wait_for_the_end(service, wakeup)
    stop(service, options.stop_signal, options.grace)
    sweep()
    remove_if_last(options.run, lock)
    sys.exit(1 if service.returncode else 0)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=pathlib.Path, required=True, help="the run's folder")
    parser.add_argument("--log", type=pathlib.Path, required=True, help="file for the service's output")
    parser.add_argument("--user", help="UID:GID to start the service as")
    parser.add_argument("--stop-signal", default="SIGKILL", help="what asks the service to stop")
    parser.add_argument("--grace", type=float, default=0.0, help="seconds from that signal to SIGKILL")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    options.stop_signal = signal.Signals[options.stop_signal]
    return options


def wake_on_signals(*numbers):
    """Returns a file descriptor that becomes readable when one of the signals arrives."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    os.set_blocking(read_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return read_end


def start(options):
    leash = os.getpid()
    identity = [int(part) for part in options.user.split(":")] if options.user else None

    def in_the_child():
        if identity:
            uid, gid = identity
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after setuid, which would clear it
        if os.getppid() != leash:  # it died before the line above
            os._exit(1)

    with open(options.log, "ab") as log:
        return subprocess.Popen(
            options.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,  # a terminal's Ctrl-C is the owner's affair
            preexec_fn=in_the_child)


def say(line):
    try:
        os.write(sys.stdout.fileno(), line.encode())
    except BrokenPipeError:
        pass  # the owner is gone already: stdin says so next


def wait_for_the_end(service, wakeup):
    """Returns when the owner is gone, a signal asks to stop, or the service has ended."""
    stdin = sys.stdin.fileno()
    while service.poll() is None:
        readable, _, _ = select.select([stdin, wakeup], [], [])
        if stdin in readable and not os.read(stdin, 4096):
            return
        if wakeup in readable and {signal.SIGTERM, signal.SIGINT} & set(os.read(wakeup, 4096)):
            return


def stop(service, stop_signal, grace):
    if service.poll() is not None:
        return
    service.send_signal(stop_signal)
    try:
        service.wait(grace if stop_signal != signal.SIGKILL else KILL_LIMIT)
    except subprocess.TimeoutExpired:
        service.kill()
        service.wait(KILL_LIMIT)


def sweep():
    """Kills everything the service has started and waits until it is gone."""
    deadline = time.monotonic() + KILL_LIMIT
    while time.monotonic() < deadline:
        for pid in descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if not reap():
            return
        time.sleep(0.002)


def reap():
    """Collects the children that have ended. False when there are none left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def descendants(ancestor):
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                # "pid (name) state ppid ...", where the name may hold anything
                parent = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
            except (OSError, IndexError):
                continue  # gone meanwhile
            children.setdefault(parent, []).append(int(entry.name))
    found, unseen = [], [ancestor]
    while unseen:
        below = children.get(unseen.pop(), [])
        found += below
        unseen += below
    return found


def remove_if_last(run, lock):
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # the owner or another leash is alive and will do it
    shutil.rmtree(run, ignore_errors=True)


def prctl(option, value):
    if LIBC.prctl(option, int(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main()
