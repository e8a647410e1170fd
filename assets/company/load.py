"""A company folder on disk → a validated ``Company``. The one way in."""

from __future__ import annotations

from pathlib import Path

from assets.company.board import Board
from assets.company.model import Company, Settings
from assets.company.registry_file import read_features, read_launches
from assets.company.wording import nearest
from assets.company.yaml_file import read_yaml, validated
from assets.errors import InputError

FILES = ("company.yaml", "features.csv", "launches.csv", "board.yaml")


def load_company(folder: Path) -> Company:
    """Read and validate a company folder; launches.csv and board.yaml may be missing.

    Finance and event files are not opened here. Raises InputError naming file, row or key, value and the mend.
    """
    folder = Path(folder).expanduser().resolve()
    _check_folder(folder)
    settings = read_yaml(folder / "company.yaml", "company.yaml")
    checked = validated(Settings, settings, "company.yaml")
    features = read_features(folder / "features.csv")
    launches = read_launches(folder / "launches.csv", {rule.feature_key for rule in features})
    board_file = folder / "board.yaml"
    board = validated(Board, read_yaml(board_file, "board.yaml"), "board.yaml") if board_file.exists() else Board()
    fields = {name: getattr(checked, name) for name in checked.model_fields_set}
    return Company(**fields, folder=folder, features=features, launches=launches, board=board)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        what = "the company folder is a file, not a folder" if folder.exists() else "the company folder does not exist"
        raise InputError(
            what,
            where=str(folder),
            mend="name the folder with --company or LENS_COMPANY, or make one with `lens init DIR`",
        )
    present = {p.name for p in folder.iterdir() if p.is_file()}
    for name in sorted(present - set(FILES)):
        meant = nearest(name, FILES, cutoff=0.75) if name.endswith((".yaml", ".yml", ".csv", ".parquet")) else None
        if meant is not None and meant not in present:
            raise InputError(
                f"the file {name} is not read", where=str(folder / name), mend=f"did you mean {meant}? rename it"
            )
    for name in ("company.yaml", "features.csv"):
        if name not in present:
            raise InputError(
                f"{name} is missing",
                where=str(folder / name),
                mend="make it; `lens init DIR` writes a folder with every file explained",
            )
