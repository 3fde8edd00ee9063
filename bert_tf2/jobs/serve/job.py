"""The job of `python -m bert_tf2.serve`."""

import functools
import importlib.util
import logging
import socket
from typing import Any

from bert_tf2 import cli, files
from bert_tf2.errors import UserError
from bert_tf2.inference.served.opening import open_model
from bert_tf2.inference.served.served_model import ServedModel
from bert_tf2.jobs.commands.asking import loading
from bert_tf2.jobs.serve.options import ServeOptions, check, models_of, read_keys, vector_settings
from bert_tf2.jobs.serve.service import Service
from bert_tf2.jobs.serve.trainings import text_export
from bert_tf2.progress import silence
from bert_tf2.runtime import job

logger = logging.getLogger(__name__)

_LOOPBACK = ("localhost", "127.", "::1")


def command(description: str = "Serves models over HTTP.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(serve, ServeOptions, description)


@job
def serve(options: ServeOptions) -> None:
    """Serves models until SIGTERM or Ctrl-C; what was accepted until then is answered.

    Raises:
      UserError: an option, a file or a model cannot be used, or the port is taken; nothing was served.
      JobError: a model gives no numbers.
    """
    check(options)
    for package in ("fastapi", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise UserError(f"the server needs {package}, which is not installed: pip install 'bert_tf2[serve]'")
    keys = read_keys(options.api_key_file)
    with _bound(options.host, options.port) as listener:
        models = _loaded(options)
        if not keys and not options.host.startswith(_LOOPBACK):
            logger.warning("--host=%s: whoever reaches it may ask; with --api_key_file only those who have a key", options.host)
        _listen(listener, options)
        from bert_tf2.jobs.serve.server import run

        service = Service(models, options, keys, functools.partial(_opened, options))
        host, port = listener.getsockname()[:2]
        listed = ", ".join(f"{model.name} ({model.kind})" for model in models)
        greeting = f"serving {listed} at http://{f'[{host}]' if ':' in host else host}:{port}/"
        with silence():
            run(service, listener, options.max_connections, greeting)
    print("stopped; what was accepted is answered", flush=True)


def _loaded(options: ServeOptions) -> list[ServedModel]:
    found = []
    for model in models_of(options):
        with loading(files.expand(model.path)):
            found.append(_opened(options, model.name))
    given = [name for name in ("pooling", "layers", "normalize", "max_seq_length") if getattr(options, name)]
    given += ["quantize"] if options.quantize != "none" else []
    if given and not any(model.kind == "vectors" for model in found):
        raise UserError(f"--{given[0]} says how vectors are made, but no model here gives vectors; leave it out, or give --kind")
    return found


def _opened(options: ServeOptions, name: str) -> ServedModel:
    """The model of a name, which has answered once.

    Raises:
      UserError: its files are none of a model that is served.
      JobError: it gives no numbers.
    """
    given = next(model for model in models_of(options) if model.name == name)
    try:
        export = functools.partial(text_export, modules=options.module_import)
        settings = vector_settings(options)
        served = open_model(name, files.expand(given.path), given.kind, text_export=export, **settings)
    except UserError as error:
        # What classifies by a directory knows it by another command's flag.
        raise UserError(f"model '{name}': {str(error).replace('--model_dir=', '--model=', 1)}") from error
    served.warm_up()
    return served


def _bound(host: str, port: int) -> socket.socket:
    """A socket at an address, before anything is loaded.

    Raises:
      UserError: the address is not this machine's, or taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise UserError(f"--host={host} is no address: {error.strerror}") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _unusable(host, port, error) from None
    return listener


def _listen(listener: socket.socket, options: ServeOptions) -> None:
    try:
        listener.listen(min(options.max_connections, socket.SOMAXCONN))
    except OSError as error:
        # Another took it while the models were loaded.
        raise _unusable(options.host, options.port, error) from None


def _unusable(host: str, port: int, error: Any) -> UserError:
    return UserError(f"--host={host} --port={port} cannot be used: {error.strerror}; give another --port, or 0 for any free one")
