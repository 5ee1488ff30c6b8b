"""/api/docs: the OpenAPI description as plain HTML, with headings and tables that a screen reader goes through. No script."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from app.web.door.pages import page

_CODE = re.compile("`([^`]*)`")


def docs_page(app: FastAPI) -> HTMLResponse:
    """The page about the API of `app`."""
    description = app.openapi()
    schemas: dict[str, Any] = description.get("components", {}).get("schemas", {})
    operations = [
        (method.upper(), path, operation)
        for path, item in description["paths"].items()
        for method, operation in item.items()
    ]
    parts = [
        "<p>Programs send <code>Authorization: Bearer</code> and the token whose file "
        "<code>assistant web --show-token</code> names. The same for programs: "
        '<a href="/api/openapi.json">OpenAPI description (JSON)</a>. <a href="/">To the start</a>.</p>',
        '<nav aria-label="Operations">\n<ul>',
        *(f'<li><a href="#{_anchor(method, path)}">{method} {escape(path)}</a></li>' for method, path, _ in operations),
        "</ul>\n</nav>",
    ]
    for method, path, operation in operations:
        parts += _operation(method, path, operation, schemas)
    parts.append("<h2>Shapes of the answers</h2>")
    for name, schema in schemas.items():
        if "properties" in schema and not name.startswith("Body_"):
            parts.append(f'<h3 id="{escape(name)}">{escape(name)}</h3>\n<p>{_prose(schema.get("description", ""))}</p>')
            parts.append(_fields(f"Fields of {name}", schema))
    return page("The assistant's API", "\n".join(parts))


def _operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> Iterable[str]:
    yield f'<h2 id="{_anchor(method, path)}">{method} {escape(path)}</h2>'
    yield f"<p>{_prose(operation.get('description', operation.get('summary', '')))}</p>"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content.get("schema", {})
        if name := schema.get("$ref", "").rpartition("/")[2]:
            schema = schemas[name]
        yield _fields(f"Fields of {method} {path}, as {kind}", schema)
    rows = "".join(
        f'<tr><th scope="row">{escape(status)}</th><td>{_prose(answer.get("description", ""))}</td>'
        f"<td>{_content(answer)}</td></tr>"
        for status, answer in operation.get("responses", {}).items()
    )
    yield _table(f"Answers to {method} {path}", ("Status", "When", "Content"), rows)


def _content(answer: dict[str, Any]) -> str:
    kinds = []
    for kind, content in answer.get("content", {}).items():
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        link = f': <a href="#{escape(name)}">{escape(name)}</a>' if name else ""
        kinds.append(f"{escape(kind)}{link}")
    return ", ".join(kinds) or "none"


def _fields(caption: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(_type(field))}</td>'
        f"<td>{'yes' if name in required else 'no'}</td><td>{_prose(_about(field))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    return _table(caption, ("Field", "Type", "Always there", "Meaning"), rows)


def _table(caption: str, heads: Iterable[str], rows: str) -> str:
    cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
    return f"<table>\n<caption>{escape(caption)}</caption>\n<thead><tr>{cells}</tr></thead>\n<tbody>{rows}</tbody>\n</table>"


def _type(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(each) for each in field["anyOf"])
    if "enum" in field:
        return "one of " + ", ".join(json.dumps(each) for each in field["enum"])
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    if field.get("contentMediaType") or field.get("format") == "binary":
        return "file"
    return str(field.get("type", "anything"))


def _about(field: dict[str, Any]) -> str:
    bounds = {
        "minimum": "at least", "maximum": "at most", "minLength": "characters at least", "maxLength": "characters at most",
        "default": "usual:",
    }  # fmt: skip
    flat = {key: value for each in (field, *field.get("anyOf", ())) for key, value in each.items()}
    told = [f"{words} {json.dumps(flat[key])}" for key, words in bounds.items() if flat.get(key) is not None]
    return "; ".join(filter(None, [field.get("description", ""), *told]))


def _prose(text: str) -> str:
    """HTML of a description: what stands between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _anchor(method: str, path: str) -> str:
    return escape(f"{method.lower()}{path.replace('/', '-')}")
