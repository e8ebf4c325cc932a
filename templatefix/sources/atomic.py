"""Replace several files or none: everything is staged next to its place, and moved in at the end."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from templatefix.errors import WriteError
from templatefix.sources.changes import FileChange

_CURE = "check the directory's permissions and free space, or write to another place with `-o OUT`."


def replace_all(files: Sequence[FileChange]) -> None:
    """Put the new content of all `files` in place. If one fails, those before it are put back.

    Mode bits are kept. Content reaches the disk before any name is moved.

    Args:
        files (`Sequence[FileChange]`): The changes, each of another file.

    Raises:
        WriteError: A file changed since it was prepared, or could not be written. Nothing has changed on
            disk, unless the message names a file that could not be put back, and its copy.
    """
    lost: dict[Path, Path] = {}
    where = ""
    try:
        with ExitStack() as cleanup:
            staged = []
            for file in files:
                where = file.label
                new = stage(file.path, file.after, cleanup, like=file.path)
                old = stage(file.path, file.before, cleanup, like=file.path, keep_if=lost.__contains__)
                staged.append((file, new, old))
            for file in files:
                _require_same(file)
            with ExitStack() as undo:
                for file, new, old in staged:
                    where = file.label
                    os.replace(new, file.path)
                    undo.callback(_put_back, old, file.path, lost)
                undo.pop_all()
            for folder in {file.path.parent for file in files}:
                sync_folder(folder)
    except OSError as error:
        raise _half_done(error, where, lost) from error


def stage(
    path: Path,
    data: bytes,
    cleanup: ExitStack,
    *,
    like: Path | None = None,
    keep_if: Callable[[Path], bool] = lambda path: False,
) -> Path:
    """Write `data` to a new file in the directory of `path`, safely on disk.

    Args:
        path (`Path`): The file that the new one shall replace.
        data (`bytes`): Its content.
        cleanup (`ExitStack`): Removes the new file when it closes, if it is still there.
        like (`Path`, *optional*): File whose mode bits, and if possible owner, it gets.
        keep_if (`Callable`, *optional*): Whether to leave the new file where it is after all.

    Raises:
        OSError: It could not be written.
    """
    staged = _beside(path)
    with open(staged, "xb") as file:
        cleanup.callback(lambda: None if keep_if(staged) else staged.unlink(missing_ok=True))
        if like is not None:
            _copy_owner(like, staged)
            shutil.copymode(like, staged)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return staged


@contextmanager
def replacing(path: Path) -> Iterator[tuple[BinaryIO, Callable[[], None]]]:
    """Open a new file in the directory of `path`, to be written piece by piece, and a function that moves it there.

    If that function is not called, nothing has changed on disk in the end. The file gets the mode bits of the one that
    it replaces.

    Args:
        path (`Path`): The file to write.

    Raises:
        WriteError: The new file cannot be made, or not be moved.
    """
    staged = _beside(path)

    def commit() -> None:
        try:
            file.flush()
            os.fsync(file.fileno())
            if path.exists():
                shutil.copymode(path, staged)
            os.replace(staged, path)
        except OSError as error:
            raise failed(error, str(path)) from error
        sync_folder(path.parent)

    try:
        file = open(staged, "x+b")  # noqa: SIM115 - closed below, where an error of the disk counts no more
    except OSError as error:
        raise failed(error, str(path)) from error
    try:
        yield file, commit
    finally:
        with suppress(OSError):  # what is buffered of a file that is thrown away
            file.close()
        staged.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:60]}.{secrets.token_hex(6)}.tmp")


def sync_folder(folder: Path) -> None:
    """Make the names in a directory durable, where the system can."""
    if os.name == "posix":
        with suppress(OSError):  # some network file systems know no such thing
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def failed(error: OSError, where: str) -> WriteError:
    """Return the error to raise where `where` could not be written."""
    return WriteError(f"it could not be written: {error.strerror or error}", where=where, cure=_CURE)


def _copy_owner(like: Path, staged: Path) -> None:
    # Matters to root, whose patch should not take a user's file away.
    if os.name == "posix":
        status = like.stat()
        with suppress(PermissionError):
            os.chown(staged, status.st_uid, status.st_gid)


def _require_same(file: FileChange) -> None:
    if file.path.read_bytes() != file.before:
        raise WriteError(
            "the file has changed on disk since it was read",
            where=file.label,
            cure="run the command again, so that it works on the file as it is now.",
        )


def _put_back(old: Path, path: Path, lost: dict[Path, Path]) -> None:
    try:
        os.replace(old, path)
    except OSError:
        lost[old] = path


def _half_done(error: OSError, where: str, lost: dict[Path, Path]) -> WriteError:
    if not lost:
        return failed(error, where)
    copies = ", ".join(f"{path} (old content: {old})" for old, path in lost.items())
    return WriteError(
        f"writing failed ({error.strerror or error}), and these files could not be put back: {copies}",
        where=where,
        cure="move each copy back over its file.",
    )
