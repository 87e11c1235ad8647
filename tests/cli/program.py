"""Runs test programs and asks them for the truth."""

import json
import os
import queue
import signal
import subprocess
import threading
import time

PATIENCE_SECONDS = 90


class Program:
    """A test program that runs. It says what it does in lines of JSON on its standard output."""

    def __init__(self, command, **how):
        self.started = time.time()
        self.name = os.path.basename(str(how.get("executable") or command[0]))  # as seep shows it
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **how,
        )
        self.pid = self.process.pid
        self.events = queue.Queue()
        self.complaints = []
        self._readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_complaints, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_events(self):
        for line in self.process.stdout:
            try:
                self.events.put(json.loads(line))
            except ValueError:
                self.complaints.append(line)
        self.events.put(None)

    def _read_complaints(self):
        for line in self.process.stderr:
            self.complaints.append(line)

    def wait_for(self, name, patience=PATIENCE_SECONDS):
        """Waits for the event of that name and returns it. Events before it are dropped."""
        deadline = time.monotonic() + patience
        while True:
            try:
                event = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.process.args}: no {name!r} within {patience} s") from None
            if event is None:
                raise AssertionError(f"{self.process.args} ended:\n{''.join(self.complaints[-40:])}")
            if event["event"] == name:
                return event

    def truth(self):
        """Asks the program what it did up to now."""
        os.kill(self.pid, signal.SIGUSR1)
        return self.wait_for("truth")

    def wait_until(self, holds, patience=PATIENCE_SECONDS):
        """Asks for the truth until it is as wished, and returns it."""
        deadline = time.monotonic() + patience
        while True:
            truth = self.truth()
            if holds(truth):
                return truth
            assert time.monotonic() < deadline, f"{self.process.args}: still {truth}"
            time.sleep(0.05)

    def wait_leaked(self, count):
        """Waits until the program has leaked at least so many."""
        return self.wait_until(lambda truth: truth["leaked_min"] >= count)

    def stop(self):
        """Ends the program, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
