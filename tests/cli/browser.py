"""Debian's Chromium without a screen, kept from calling home."""

import tempfile

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
        import time

        deadline = time.monotonic() + patience
        while True:
            value = self.run(script)
            if value:
                return value
            assert time.monotonic() < deadline, (script, self.complaints(), self.run("return document.body.innerText"))
            time.sleep(0.1)

    def complaints(self):
        """What the browser's console says of errors, violations of the page's policy among them."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def stop(self):
        self.driver.quit()
        self.profile.cleanup()
