"""deploy/nginx.conf in a real nginx, before a real gunicorn: TLS, streams, whose address it is."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.patience import until
from tests.ports import free_port
from tests.system.production import Site
from tests.system.readme import ROOT, blocks, command
from tests.system.visitor import Visitor

pytestmark = pytest.mark.timeout(300)

PASSWORD = "seven looms in the hall"
AROUND = """
daemon off;
pid {at}/nginx.pid;
error_log stderr warn;
{user}
events {{ }}
http {{
    access_log off;
    client_body_temp_path {at}/body;
    proxy_temp_path {at}/proxy;
    fastcgi_temp_path {at}/fastcgi;
    uwsgi_temp_path {at}/uwsgi;
    scgi_temp_path {at}/scgi;
    {conf}
}}
"""


@dataclass(frozen=True)
class Proxy:
    """Where nginx listens, and the certificate it shows."""

    url: str
    plain_url: str
    port: int
    certificate: Path


def _certificate(at: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
    )
    (at / "boards.crt").write_bytes(made.public_bytes(Encoding.PEM))
    (at / "boards.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


def _configuration(at: Path, ports: dict[str, int]) -> Path:
    """The file as it ships, with this machine's ports, name and certificate."""
    conf = (ROOT / "deploy" / "nginx.conf").read_text("utf-8")
    for here, there in {
        "127.0.0.1:8050": f"127.0.0.1:{ports['web']}",
        "listen 80;": f"listen 127.0.0.1:{ports['plain']};",
        "listen 443 ": f"listen 127.0.0.1:{ports['tls']} ",
        "https://$host$": f"https://$host:{ports['tls']}$",
        "boards.example.com": "127.0.0.1",
        "/etc/nginx/tls/": f"{at}/",
        "Host $host;": "Host $http_host;",  # our port is not the usual one
    }.items():
        assert here in conf, f"deploy/nginx.conf has no {here!r} any more"
        conf = conf.replace(here, there)
    file = at / "nginx.conf"
    file.write_text(AROUND.format(at=at, conf=conf, user="user root;" if os.getuid() == 0 else ""))
    return file


@pytest.fixture
def nginx() -> str:
    """The program."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        message = "nginx is not there: install it to test deploy/nginx.conf"
        if os.environ.get("TAKTBOARD_REQUIRE_PEERS") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return found


@contextmanager
def _proxied(nginx: str, site: Site) -> Iterator[Proxy]:
    """Boards with a user, behind nginx."""
    at = site.logs
    ports = {name: free_port() for name in ("web", "plain", "tls")}
    _certificate(at)
    file = _configuration(at, ports)
    tested = subprocess.run([nginx, "-t", "-c", str(file)], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stderr
    (line,) = blocks("In production")[0]
    gunicorn = command(line, **{"127.0.0.1:8050": f"127.0.0.1:{ports['web']}"})
    behind = replace(site, environment=site.environment | {"TAKTBOARD_TRUSTED_PROXIES": "1"})
    with (
        behind.running(*gunicorn, name="web"),
        site.running(nginx, "-c", str(file), name="nginx") as process,
    ):
        url = f"https://127.0.0.1:{ports['tls']}"
        yield Proxy(url, f"http://127.0.0.1:{ports['plain']}", ports["tls"], at / "boards.crt")
        process.terminate()  # a killed one leaves its workers behind
        process.wait(30.0)


def _alpn(proxy: Proxy) -> str | None:
    context = ssl.create_default_context(cafile=proxy.certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", proxy.port), 10.0) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        return secured.selected_alpn_protocol()


def _addresses(site: Site) -> set[str]:
    with psycopg.connect(site.database) as conn:
        return {row[0] for row in conn.execute("select address from login_attempt")}


def test_the_boards_work_behind_nginx(nginx: str, site: Site) -> None:
    assert site.run(*command("python app.py migrate")).returncode == 0
    added = site.run(*command("python app.py user admin --role admin"), say=PASSWORD)
    assert added.returncode == 0, added.stderr
    with _proxied(nginx, site) as proxy:
        visitor = Visitor(proxy.url, str(proxy.certificate))
        until(lambda: visitor.answers("/readyz"), "the boards answer through nginx")
        assert _alpn(proxy) == "h2"
        moved = httpx.get(f"{proxy.plain_url}/oee?scope=line:A")
        assert (moved.status_code, moved.headers["location"]) == (
            301,
            f"{proxy.url}/oee?scope=line:A",
        )

        assert visitor.log_in("admin", PASSWORD) == "/"
        with visitor.get("/live/overview/sse?lang=en") as stream:
            assert stream.headers["Strict-Transport-Security"]
            # Events come while the stream goes on: nothing on the way waits for its end.
            until(lambda: b"event: live" in stream.readline(), "a first frame")
            until(lambda: b"event: live" in stream.readline(), "the next frame")

        # Who asks is known by the address nginx saw, whatever the request claims of itself.
        transport = httpx.HTTPTransport(
            verify=ssl.create_default_context(cafile=proxy.certificate), local_address="127.0.0.2"
        )
        with httpx.Client(transport=transport, base_url=proxy.url) as stranger:
            page = stranger.get("/login").text
            token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
            refused = stranger.post(
                "/login",
                data={"name": "admin", "password": "a guess", "csrf_token": token},
                headers={"X-Forwarded-For": "203.0.113.9", "Referer": f"{proxy.url}/login"},
            )
            assert all(cookie.secure for cookie in stranger.cookies.jar)
        assert refused.status_code in (200, 401, 403)
        assert _addresses(site) == {"127.0.0.1", "127.0.0.2"}
