"""The manifest of a sweep's folder: which sweep it is, with a checksum of its own.

It is written once, before anything else, and by one process alone. A run is of the same sweep where
it agrees in everything that the numbers depend on.
"""

import json
import time
from fnmatch import fnmatchcase

from qpcjax.files import InputError
from qpcjax.files.atomic_writing import not_writable, part_of, replacing
from qpcjax.files.results import content_digest
from qpcjax.overviews import unit_text

FORMAT = "qpcjax sweep 2"
MANIFEST = "manifest.json"

# A sweep goes on only with what it was begun with: otherwise its numbers would be of two kinds.
_SAME_VERSIONS = ("qpcjax", "jax", "jaxlib", "platform")
# Another document of the group that names the sweep and its versions.
_SECOND = ".zattrs"
_CHECKSUM = "sha256"  # of all other fields
TRIES, _PAUSE = 40, 0.05  # s; until what another process writes is whole


def begin(folder, manifest):
    """Write a manifest into a folder, or see that the one there is of the same sweep.

    Several processes may do so at once: one of them writes the manifest, and the others read it. A
    damaged one is written anew where the other documents show that it was the same.

    Args:
        folder: made if it is not there.
        manifest: of the sweep.

    Raises:
        InputError: the folder cannot be written, holds other things, or another sweep: says which
            field differs.
    """
    path = folder / MANIFEST
    try:
        if not path.exists():
            create(path, manifest)
        if not _is_sound(folder):
            _mend(folder, manifest)
    except OSError as error:
        raise not_writable(f"the folder {folder}", error) from None
    _require_same(folder, read(folder), manifest)


def create(path, manifest):
    """Write the manifest into a new or empty folder, unless another process is faster."""
    folder = path.parent
    there = {p.name for p in folder.glob("*")}
    if path.exists():
        return  # what is there besides came after it
    parts = part_of(MANIFEST, "*")  # which another process writes, or was killed while it wrote
    foreign = {name for name in there if not fnmatchcase(name, parts)}
    if foreign:
        raise InputError(
            f"{folder} is not a sweep's folder: it holds {min(foreign)}. Choose another one"
        )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(path, durable=True, exclusive=True) as part:
            part.write_text(_text(manifest))
    except FileExistsError:
        return


def read(folder) -> dict:
    """The manifest of a folder.

    Raises:
        InputError: there is none, or it is of another format.
        DamagedManifestError: its checksum is wrong.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text())
        stated = manifest.pop(_CHECKSUM, None) if isinstance(manifest, dict) else None
        whole = stated == content_digest(manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder} is not a sweep's folder: it has no {MANIFEST}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    except (ValueError, RecursionError):
        raise DamagedManifestError(path) from None
    if stated is not None and not whole:
        raise DamagedManifestError(path)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(
            f"{path} must have the format {FORMAT!r}: a sweep of another version of qpcjax is read "
            "by that version"
        )
    if not whole:
        raise DamagedManifestError(path)
    return manifest


class DamagedManifestError(InputError):
    """A manifest that is not what was written."""

    def __init__(self, path):
        super().__init__(f"{path} is damaged; run the same sweep again, which writes it anew")


def _text(manifest):
    checked = {**manifest, _CHECKSUM: content_digest(manifest)}
    return json.dumps(checked, indent=2, allow_nan=False) + "\n"


def _is_sound(folder):
    """Whether the manifest is whole, perhaps in a moment: another process may be writing it."""
    for _ in range(TRIES):
        try:
            read(folder)
        except DamagedManifestError:
            time.sleep(_PAUSE)
        else:
            return True
    return False


def _mend(folder, manifest):
    """Write the manifest anew if the group's attributes are of the same sweep and versions."""
    try:
        found = json.loads((folder / _SECOND).read_text())
        versions = json.loads(found["versions"])
        same = found["spec_sha256"] == content_digest(manifest["spec"]) and all(
            versions.get(name) == manifest["versions"].get(name) for name in _SAME_VERSIONS
        )
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        same = False
    if not same:
        raise InputError(
            f"{folder / MANIFEST} is damaged, and {_SECOND} beside it does not say that the folder "
            "is of this sweep. Choose another folder"
        )
    with replacing(folder / MANIFEST, durable=True) as part:
        part.write_text(_text(manifest))


def _require_same(folder, there, wanted):
    difference = _difference("", there["spec"], wanted["spec"])
    if difference:
        field, old, new = difference
        raise InputError(
            f"{folder} belongs to another sweep: {field} is {old} there, and {new} here. Choose "
            "another folder, or the same sweep to go on"
        )
    for name in _SAME_VERSIONS:
        old, new = (m["versions"].get(name) for m in (there, wanted))
        if old != new:
            raise InputError(
                f"{folder} was begun with {name} {old}, and this is {name} {new}: its numbers "
                "would be of two kinds. Go on with what it was begun with, or choose another folder"
            )


def _difference(field, old, new):
    """The first field that differs and both values, or None."""
    if isinstance(old, dict) and isinstance(new, dict):
        if "sha256" in old and "sha256" in new:
            return None if old == new else (field, _axis_words(old), _axis_words(new))
        for key in [*old, *(k for k in new if k not in old)]:
            name = f"{field}.{key}" if field else key
            if key not in old or key not in new:
                return name, *("there" if key in d else "not there" for d in (old, new))
            found = _difference(name, old[key], new[key])
            if found:
                return found
        return None
    return None if old == new else (field, json.dumps(old), json.dumps(new))


def _axis_words(axis):
    if "size" not in axis:
        return f"an array of shape {axis['shape']} with the checksum {axis['sha256'][:8]}"
    unit = f" {unit_text(axis['unit'])}".rstrip()
    return (
        f"{axis['size']} values from {axis['first']:g} to {axis['last']:g}{unit} (checksum "
        f"{axis['sha256'][:8]})"
    )
