"""Debian's Chromium without a screen, kept from calling home."""

import tempfile
import time

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

QUIET = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars"]


class Browser:
    def __init__(self, width=1280, height=900, dark=False, phone=False):
        options = Options()
        self.profile = tempfile.TemporaryDirectory()
        for word in [*QUIET, f"--window-size={width},{height}", f"--user-data-dir={self.profile.name}"]:
            options.add_argument(word)
        options.binary_location = "/usr/bin/chromium"
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_script_timeout(30)
        if dark:
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
        if phone:
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True})

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def wait(self, script, patience=20):
        """Waits until a script returns something true, and returns that."""
        deadline = time.monotonic() + patience
        while True:
            value = self.run(script)
            if value:
                return value
            assert time.monotonic() < deadline, (script, self.complaints(), self.run("return document.body.innerText"))
            time.sleep(0.1)

    def double_click(self, element, x, y, pause_s):
        """At that place of the element, with so long between the two at least. The second says that it is one: however busy the machine is, the browser takes it for that."""
        left, top = self.run("const box = arguments[0].getBoundingClientRect(); return [box.x, box.y]", element)
        for count in (1, 2):
            for kind in ("mousePressed", "mouseReleased"):
                self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, "x": left + x, "y": top + y, "button": "left", "clickCount": count})
            time.sleep(pause_s if count == 1 else 0)

    def complaints(self):
        """What the browser's console says of errors, violations of the page's policy among them."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def stop(self):
        self.driver.quit()
        self.profile.cleanup()
