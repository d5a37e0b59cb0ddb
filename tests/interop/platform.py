import hashlib, hmac, http.server, os
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        expected = hmac.new(os.environ["SECRET"].encode(), body, hashlib.sha256).hexdigest()
        given = self.headers.get("X-Webhook-Signature", "")
        self.send_response(204 if hmac.compare_digest(expected.encode(), given.encode()) else 401)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
