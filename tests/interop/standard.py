import http.server, os
from standardwebhooks import Webhook, WebhookVerificationError
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            Webhook(os.environ["SECRET"]).verify(body, dict(self.headers))
            self.send_response(204)
        except WebhookVerificationError:
            self.send_response(401)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
