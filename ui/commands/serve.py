"""`automl-agent serve`: the chat page."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.commands.workspace import home_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for the whole network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535)] = 7860,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Start the chat page."""
    from ui.listen import check_address

    check_address(host, port)  # before gradio is loaded, which takes seconds
    from ui.app import serve as serve_page

    serve_page(host, port, home_of(context), open_browser=open_)
