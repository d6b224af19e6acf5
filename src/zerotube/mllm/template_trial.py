"""Run by ``zerotube.mllm.templates`` as a process of its own: render one chat template, bounded.

Reads a request as JSON from the standard input and answers on the standard output with a word
("fine", "long", "memory") or with what was raised. A template that never ends is ended by the limit
on processor time. It imports jinja2 and nothing of this package, so that it starts in a tenth of a
second.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any


def trial(request: dict[str, Any]) -> str:
    """Render and say how it went, in the environment of ``transformers.utils.chat_template_utils``.

    That module itself takes more than a second to import.
    """
    import jinja2.ext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(jinja2.ext.Extension):
        """The block that transformers knows for masks of the assistant's words."""

        tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def tojson(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, **options)

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals.update(
        raise_exception=raise_exception, strftime_now=lambda form: datetime.now().strftime(form)
    )
    try:
        template = environment.from_string(request["template"])
        length = 0
        for piece in template.generate(**request["values"]):
            length += len(piece)
            if length > request["longest"]:
                return "long"
    except MemoryError:
        return "memory"
    except Exception as error:  # noqa: BLE001 - a template can raise anything
        return f"{type(error).__name__}: {error}"
    return "fine"


def limit(seconds: int, size: int) -> None:
    """Bound this process's processor time and memory, where the system can."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    sys.path[:] = asked["path"]
    limit(asked["seconds"], asked["bytes"])
    print(trial(asked))
