import hmac, os, wsgiref.simple_server
def receive(request, start_response):
    body = request["wsgi.input"].read(int(request["CONTENT_LENGTH"]))
    expected = hmac.new(os.environ["SECRET"].encode(), body, "sha256").hexdigest().encode()
    fits = hmac.compare_digest(expected, request.get("HTTP_X_WEBHOOK_SIGNATURE", "").encode())
    start_response("204 No Content" if fits else "401 Unauthorized", [])
    return []
server = wsgiref.simple_server.make_server("127.0.0.1", 0, receive)
print(server.server_port, flush=True)
server.serve_forever()
