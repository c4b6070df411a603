"""A peer of the coordinator made by hand: calls a method of the service over HTTP/2, with the bytes that a test wants.
Used by access_test.py."""
import re
import socket
import ssl
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def headers(pairs):
    """HPACK's plainest form: literals that nobody indexes."""
    coded = b""
    for text in pairs:
        name, value = (part.encode() for part in text)
        coded += b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
    return coded


def trusting(certificate):
    """A TLS context that trusts this certificate alone, as a worker does."""
    context = ssl.create_default_context(cadata=certificate)
    context.check_hostname = False
    context.set_alpn_protocols(["h2"])
    return context


def connect(address, context=None):
    host, port = address.rsplit(":", 1)
    plain = socket.create_connection((host, int(port)), timeout=20)
    return context.wrap_socket(plain, server_hostname=host) if context else plain


def answer(peer, bytes_max=1 << 20):
    """What comes until the other side ends the connection, or the call's status has come."""
    received = b""
    try:
        while len(received) < bytes_max and not re.search(rb"grpc-status.\d", received, re.DOTALL):
            more = peer.recv(65536)
            if not more:
                break
            received += more
    except OSError:
        pass
    return received


def call(address, context, method, message=b"", token=None, length=None):
    """The gRPC status of a call, or None when the connection ended without one. `length`: what is announced of the
    message in place of the truth."""
    pairs = [(":method", "POST"), (":scheme", "https"), (":path", f"/strata.v1.Training/{method}"),
             (":authority", "coordinator"), ("te", "trailers"), ("content-type", "application/grpc")]
    if token is not None:
        pairs.append(("authorization", f"Bearer {token}"))
    body = struct.pack(">BI", 0, len(message) if length is None else length) + message
    with connect(address, context) as peer:
        try:
            peer.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") + frame(HEADERS, END_HEADERS, 1, headers(pairs)))
            for begin in range(0, len(body), 16384):
                last = begin + 16384 >= len(body)
                peer.sendall(frame(DATA, END_STREAM if last else 0, 1, body[begin:begin + 16384]))
        except OSError:
            pass
        status = re.search(rb"grpc-status.(\d+)", answer(peer), re.DOTALL)
    return int(status.group(1)) if status else None
