"""Signals that come while the main thread is in a library, as in a compilation."""

import os
import select
import signal
import threading

import pytest

from vae.training import processes, signals


class Busy:
    """A main thread in a library's code: another thread receives what is sent to the process."""

    def __init__(self):
        self._read, self._write = os.pipe()

    def told(self, *_):
        """Frees the main thread."""
        os.write(self._write, b".")

    def send(self, number, seconds=10.0):
        """Sends a signal once the main thread waits, for os.kill looks at signals as it ends."""
        threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
        if select.select([self._read], [], [], seconds)[0]:
            os.read(self._read, 1)


@pytest.fixture
def busy(monkeypatch):
    monkeypatch.setattr(signals, "SOON", 0.02)
    done = threading.Event()
    receiver = threading.Thread(target=done.wait)
    receiver.start()
    signal.pthread_sigmask(signal.SIG_BLOCK, signals.ASKING)
    yield Busy()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.ASKING)
    done.set()
    receiver.join()


def test_a_thread_answers_while_the_main_thread_is_busy(busy):
    heard = []

    def act(_):
        heard.append(threading.current_thread() is threading.main_thread())

    with signals.heard(act, lambda number: (act(number), busy.told())):
        busy.send(signal.SIGUSR1)
    assert heard == [False, True]


def test_a_second_ctrl_c_ends_a_compilation_and_a_second_sigterm_does_not(busy, monkeypatch):
    said, ended = [], []
    monkeypatch.setattr(signals, "say", lambda line: (said.append(line), busy.told()))
    monkeypatch.setattr(signals, "end", lambda number: (ended.append(number), busy.told()))
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)  # nothing is ignored here
    with processes.stop_requests() as stop_requested:
        busy.send(signal.SIGTERM)
        busy.send(signal.SIGTERM, seconds=0.4)
        assert stop_requested() and len(said) == 1 and not ended
    with pytest.raises(processes.Interrupted), processes.stop_requests() as stop_requested:
        busy.send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            busy.send(signal.SIGINT)
    assert said[1:] == ["SIGINT: saving and stopping; Ctrl-C again ends at once"]
    assert ended == [signal.SIGINT]
