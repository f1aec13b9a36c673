"""A web form, its answer as a page or as JSON, and a stream of server-sent events."""

import html
from typing import Any

from grps import GrpsContext, InputError, ModelInferer, inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage

FORM = """<!doctype html>
<title>Greeter</title>
<form method="post">
<label>Your name <input name="name" required></label> <button>Greet</button>
</form>
"""


class Greeter(ModelInferer):
    """Works on ``flask.Request`` and answers HTTP itself."""

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """There is nothing to prepare."""

    def load(self) -> bool:
        """There is nothing to load."""
        return True

    def infer(self, inp: GrpsMessage, context: GrpsContext) -> GrpsMessage:
        """Show the form, or greet whoever filled it in."""
        request = context.get_http_request()
        if request is None:
            raise InputError("this service is called over HTTP")
        if context.if_streaming():
            for word in f"Hello {request.args.get('name', 'stranger')}".split():
                context.customized_http_stream_respond(f"data: {word}\n\n")
        elif request.method == "GET":
            context.set_http_response((FORM, 200, {"Content-Type": "text/html; charset=utf-8"}))
        elif request.is_json:
            sent = request.get_json()
            if not isinstance(sent, dict):
                raise InputError("send a JSON object")
            context.set_http_response({"greeting": f"Hello {sent.get('name', 'stranger')}"})
        else:
            page = (
                f"<!doctype html><p>Hello {html.escape(request.form.get('name', 'stranger'))}</p>"
            )
            context.set_http_response((page, 200, {"Content-Type": "text/html; charset=utf-8"}))
        return GrpsMessage()


inferer_register.register("greeter", Greeter())
