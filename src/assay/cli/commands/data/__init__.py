"""`assay data`: the bars in the database, in and out."""

from collections.abc import Callable

from assay.cli.commands.data.download import download
from assay.cli.commands.data.files import export, import_
from assay.cli.commands.data.inventory import delete, list_, quality

COMMANDS: dict[str, Callable[..., None]] = {
    "import": import_,
    "download": download,
    "list": list_,
    "quality": quality,
    "export": export,
    "delete": delete,
}
"""Every command, in the order of the help."""
