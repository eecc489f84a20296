"""A browser's worth of cookies, for whoever runs the boards in a process of its own."""

from __future__ import annotations

import http.cookiejar
import json
import re
import ssl
import urllib.parse
import urllib.request
from http.client import HTTPResponse
from typing import Any
from urllib.error import URLError


class Visitor:
    """Somebody who logs in at `url` and looks at boards."""

    def __init__(self, url: str, authority: str | None = None) -> None:
        self.url = url
        self._browser = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority)),
        )

    def get(self, path: str, timeout_s: float = 30.0) -> HTTPResponse:
        """The answer, open to be read on."""
        answer = self._browser.open(f"{self.url}{path}", timeout=timeout_s)
        assert isinstance(answer, HTTPResponse)
        return answer

    def answers(self, path: str) -> bool:
        """Whether the address answers with 200."""
        try:
            with self.get(path, 5.0) as answer:
                return answer.status == 200
        except (URLError, OSError):
            return False

    def log_in(self, name: str, password: str) -> str:
        """Post the login form; the path one is at then."""
        with self.get("/login") as answer:
            page = answer.read().decode()
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found, page
        form = {"name": name, "password": password, "csrf_token": found[1]}
        body = urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(
            f"{self.url}/login", body, headers={"Referer": f"{self.url}/login"}
        )
        with self._browser.open(request, timeout=30.0) as answer:
            return str(urllib.parse.urlsplit(answer.url).path)

    def frame(self, board: str) -> dict[str, Any] | None:
        """The board's frame, or none while the web is away."""
        try:
            with self.get(f"/live/{board}?lang=en", 5.0) as answer:
                return dict(json.load(answer))
        except (URLError, OSError):
            return None
