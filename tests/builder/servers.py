"""A server on this machine: what it was asked, and answers that a test sets."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Web(ThreadingHTTPServer):
    """pages: path → content; moved: path → where it leads; asked: paths, in order. It keeps connections open."""

    daemon_threads = True

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.pages: dict[str, bytes] = {}
        self.moved: dict[str, str] = {}
        self.asked: list[str] = []
        self.at = f"127.0.0.1:{self.server_port}"
        self.url = f"http{'s' if certificate else ''}://{self.at}"


class _Answer(BaseHTTPRequestHandler):
    server: Web
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        web = self.server
        web.asked.append(self.path)
        path = self.path.partition("?")[0]
        found, to = web.pages.get(path), web.moved.get(path)
        self.send_response(302 if to else 200 if found is not None else 404)
        if to:
            self.send_header("Location", to)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        self.wfile.write(found or b"")

    do_POST = do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Web]:
    """While it lasts. certificate: a file with its key too, for TLS."""
    with Web(certificate) as web:
        threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield web
        web.shutdown()


def certified(folder: Path) -> tuple[Path, Path]:
    """A bundle that trusts one authority, and a certificate of it for 127.0.0.1, with its key."""
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    by = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    authority = _signed(by, root, by, root, x509.BasicConstraints(ca=True, path_length=0))
    own = _signed(x509.Name([]), key, by, root, address)
    (folder / "bundle.pem").write_bytes(authority)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(key.private_bytes(*form) + own)
    return folder / "bundle.pem", folder / "server.pem"


def _signed(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    by: x509.Name,
    root: ec.EllipticCurvePrivateKey,
    what: x509.ExtensionType,
) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(by, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
    made = made.add_extension(what, critical=True)
    return made.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
