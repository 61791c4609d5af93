"""TLS fronts as deploy/edge/ has them, run on loopback; and a visitor who comes through one, or straight."""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import secrets
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.platform import ROOT, free_port

EDGE = ROOT / "deploy" / "edge"
LISTENS = 15.0  # seconds until a front takes connections
PATIENCE = 120.0  # seconds for an answer: the app may have to start first
TEXT = 0x81  # a whole text frame of a WebSocket, RFC 6455
MASKED = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Asks one host. port: where on loopback; trust: a file of certificates, None for plain HTTP."""

    host: str
    port: int
    trust: Path | None = None

    def connect(self) -> socket.socket:
        """A connection to 127.0.0.1, whatever the host's name resolves to."""
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        if self.trust is None:
            return plain
        return ssl.create_default_context(cafile=str(self.trust)).wrap_socket(plain, server_hostname=self.host)

    @contextmanager
    def ask(self, path: str, body: object = None) -> Iterator[HTTPResponse]:
        """One request; with a body a POST of JSON."""
        connection = HTTPConnection(self.host, self.port)
        connection.sock = self.connect()
        headers = {"Host": f"{self.host}:{self.port}", "Content-Type": "application/json"}
        connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
        try:
            yield connection.getresponse()
        finally:
            connection.close()

    def status(self, path: str) -> int:
        """Of an answer that is read to its end."""
        with self.ask(path) as answer:
            answer.read()
            return answer.status

    def json(self, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """A whole answer."""
        with self.ask(path, body) as answer:
            return json.load(answer)

    def predict(self, name: str, *given: object) -> Any:  # noqa: ANN401 - what the app says
        """As gradio's clients do it: a call, then the stream of its events. Raises: ValueError when it fails."""
        event = self.json(f"/gradio_api/call/{name}", {"data": given})["event_id"]
        with self.ask(f"/gradio_api/call/{name}/{event}") as stream:
            said = stream.read().decode()
        if "event: complete" not in said:
            raise ValueError(f"The app answered {said!r}.")
        return json.loads(said.split("data: ", 1)[1].splitlines()[0])[0]

    def echo(self, path: str, text: str) -> str:
        """What comes back on a WebSocket for a short text."""
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        asked = (
            f"GET {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        mask, words = secrets.token_bytes(4), text.encode()
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(words))
        with self.connect() as sock, sock.makefile("rb") as answer:
            sock.sendall(asked.encode())
            if (first := answer.readline().split())[1:2] != [b"101"]:
                raise ValueError(f"The WebSocket was answered with {first}.")
            while answer.readline().strip():
                pass
            sock.sendall(bytes([TEXT, MASKED | len(words)]) + mask + masked)
            _, length = answer.read(2)
            return answer.read(length).decode()


def certificate(folder: Path, names: tuple[str, ...]) -> Path:
    """A self-signed one and its key, in one file. names: `*.` stands for one label."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    alternatives = [x509.DNSName(name) for name in names] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = folder / "certificate.pem"
    pem = serialization.Encoding.PEM
    file.touch(mode=0o600)
    file.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, form, plain))
    return file


FRONTS = {
    "caddy": ("caddy", "run", "--adapter", "caddyfile", "--config", str(EDGE / "Caddyfile")),
    "haproxy": ("haproxy", "-db", "-f", str(EDGE / "haproxy.cfg")),
}


@contextmanager
def front(name: str, folder: Path, *, hub: str, domain: str, port: int, https: int, pem: Path) -> Iterator[None]:
    """One of FRONTS before the platform on `port`, until the end. pem: see certificate()."""
    env = {
        "HOME": str(folder),
        "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin",
        "SPACES_HUB": hub,
        "SPACES_DOMAIN": domain,
        "SPACES_PORT": str(port),
        "HTTP_PORT": str(free_port()),
        "HTTPS_PORT": str(https),
        "CERTIFICATE": str(pem),
        "KEY": str(pem),
    }
    with (folder / f"{name}.log").open("w+") as log:
        process = subprocess.Popen(FRONTS[name], env=env, stdout=log, stderr=log, cwd=folder)
        try:
            _until_listening(process, https, log.name)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until_listening(process: subprocess.Popen[bytes], port: int, log: str) -> None:
    deadline = time.monotonic() + LISTENS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"It does not listen on port {port}:\n{Path(log).read_text()[-2000:]}")
