"""Drives a headless Chromium through its debugging pipe; nothing but Python's own library is needed."""

import json
import os
import select
import subprocess
import time


class Problem(Exception):
    """Chromium, or a script in it, did not do as asked."""


class Chromium:
    """A browser of its own profile, with no network, and one tab."""

    def __init__(self, program, profile, width=1280, height=900):
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()

        def place():
            # Chromium reads commands from 3 and answers on 4. Both pipes are out of the way first.
            kept = os.dup(commands), os.dup(answers)
            os.dup2(kept[0], 3)
            os.dup2(kept[1], 4)

        self._log = open(os.path.join(profile, "chromium.log"), "wb")
        self._process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-sync",
             "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND",
             "--hide-scrollbars", f"--window-size={width},{height}", f"--user-data-dir={profile}",
             "--remote-debugging-pipe", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, close_fds=False,
            preexec_fn=place, env=dict(os.environ, HOME=profile))
        os.close(commands)
        os.close(answers)
        self._number = 0
        self._unread = b""
        self.events = []
        self._session = None
        tabs = self.call("Target.getTargets")["targetInfos"]
        tab = next(each["targetId"] for each in tabs if each["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(domain + ".enable")

    def close(self):
        """Ends the browser, and waits for it."""
        try:
            self._session = None
            self.call("Browser.close")
        except (Problem, OSError):
            self._process.kill()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)
        self._log.close()

    def _next_message(self, deadline):
        while b"\0" not in self._unread:
            if not select.select([self._from], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Problem("Chromium does not answer")
            read = os.read(self._from, 1 << 16)
            if not read:
                raise Problem("Chromium has ended")
            self._unread += read
        message, self._unread = self._unread.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        """The result of a command of the protocol; events that come meanwhile are kept in `events`."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        unsent = json.dumps(command).encode() + b"\0"
        while unsent:
            unsent = unsent[os.write(self._to, unsent):]
        deadline = time.monotonic() + 60
        while True:
            message = self._next_message(deadline)
            if message.get("id") != self._number:
                self.events.append(message)
            elif "error" in message:
                raise Problem(f"{method}: {message['error']['message']}")
            else:
                return message["result"]

    def wait_for(self, event, seconds=60):
        """The parameters of the next `event`, which may have come already; those before it stay in `events`."""
        deadline = time.monotonic() + seconds
        while True:
            for i, message in enumerate(self.events):
                if message.get("method") == event:
                    return self.events.pop(i).get("params", {})
            self.events.append(self._next_message(deadline))

    def ask(self, script):
        """The value of a script's expression in the page, waited for if it is a promise."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise Problem(f"{script}: {details.get('exception', {}).get('description', details['text'])}")
        return answer["result"].get("value")

    def open(self, path):
        """Opens a file and waits until it is loaded."""
        self.events.clear()
        self.call("Page.navigate", url="file://" + path)
        self.wait_for("Page.loadEventFired")
        self.settle()

    def settle(self):
        """Waits for two frames, in which charts take their sizes."""
        self.ask("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))")

    def resize(self, width, height, mobile=False):
        """What the page then believes its window to be."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, mobile=mobile, deviceScaleFactor=1)
        self.settle()

    def media(self, **features):
        """Sets features of the medium: prefers_color_scheme="dark"."""
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": name.replace("_", "-"), "value": value} for name, value in features.items()])
        self.settle()
