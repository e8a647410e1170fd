"""A fresh company folder in which every file explains itself."""

from __future__ import annotations

from pathlib import Path

from assets.errors import InputError

_SOURCE = Path(__file__).parent / "template_files"


def write_template(folder: Path) -> list[Path]:
    """Write a commented company folder and return its files.

    Raises InputError when the folder exists and is not empty: nothing is ever overwritten.
    """
    folder = Path(folder).expanduser().resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            "the folder is not empty; a template is never written over files",
            where=str(folder),
            mend="name a folder that does not exist yet",
        )
    (folder / "events").mkdir(parents=True)
    for source in sorted(path for path in _SOURCE.rglob("*") if path.is_file()):
        # The file that explains the secrets is hidden only where it is used.
        target = folder / (".env.example" if source.name == "env.example" else source.relative_to(_SOURCE))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    (folder / ".gitignore").write_text(".env\n", encoding="utf-8")
    return sorted(path for path in folder.rglob("*") if path.is_file())
