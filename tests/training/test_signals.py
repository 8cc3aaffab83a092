"""Signals that come while the main thread is in a library, as in a compilation."""

import os
import signal
import threading
import time

import pytest

from vae.training import processes, signals


@pytest.fixture
def busy(monkeypatch):
    """Sends signals that another thread receives, so that the main thread sleeps through them."""
    monkeypatch.setattr(signals, "SOON", 0.02)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals.ASKING)

    def send(number):
        time.sleep(0.05)
        os.kill(os.getpid(), number)
        time.sleep(0.25)

    yield send
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.ASKING)


def test_a_thread_answers_if_the_main_thread_does_not_come_to_a_signal(busy):
    heard = []

    def act(_):
        heard.append(threading.current_thread() is threading.main_thread())

    with signals.heard(act, act):
        busy(signal.SIGUSR1)
        assert heard == [False, True]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.ASKING)
        busy(signal.SIGUSR1)
    assert heard == [False, True, True]


def test_a_second_ctrl_c_ends_a_compilation_and_a_second_sigterm_does_not(busy, monkeypatch):
    said, ended = [], []
    monkeypatch.setattr(signals, "say", said.append)
    monkeypatch.setattr(signals, "end", ended.append)
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)  # nothing is ignored here
    with processes.stop_requests() as stop_requested:
        busy(signal.SIGTERM)
        busy(signal.SIGTERM)
        assert stop_requested() and len(said) == 1 and not ended
    with pytest.raises(processes.Interrupted), processes.stop_requests() as stop_requested:
        busy(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            busy(signal.SIGINT)
    assert said[1:] == ["SIGINT: saving and stopping; Ctrl-C again ends at once"]
    assert ended == [signal.SIGINT]
