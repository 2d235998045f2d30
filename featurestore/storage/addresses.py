"""Addresses: local paths and URLs of object storage, read in one place for everything that a user names.

Paths are taken character by character: ``#``, ``?``, ``%20``, brackets and spaces are part of a name, in URLs as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from urllib.parse import quote, unquote

from encore.featurestore.common import as_text
from encore.featurestore.errors import UsageError

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/*)(.*)", re.DOTALL)
BUCKET = re.compile(r"\$?[A-Za-z0-9][\w.-]*", re.ASCII)
HOST = re.compile(r"[\w.-]+(:\d+)?|\[[0-9A-Fa-f:]+\](:\d+)?", re.ASCII)
AZURE_ACCOUNT = re.compile(r"([\w$.-]+)@([\w-]+)\.(?:dfs|blob)\.(core\.windows\.net|fabric\.microsoft\.com)", re.ASCII)

ALIASES = {
    "s3": "s3", "s3a": "s3", "s3n": "s3",
    "gs": "gs", "gcs": "gs",
    "az": "az", "azure": "az", "adl": "az", "abfs": "az", "abfss": "az", "wasb": "az", "wasbs": "az",
    "http": "http", "https": "https",
}  # fmt: skip
"""Scheme → the canonical scheme for which it is another name."""

USER = re.compile(r"\A([A-Za-z][A-Za-z0-9+.-]*:/*)?.*(?:@|%40)", re.DOTALL | re.IGNORECASE)
SECRET = re.compile(
    r"([?#;](?:[^\s?]*?[&;])?"
    r"(?:[\w.-]*(?:signature|credential|token|secret|passw|access-?_?key|api-?_?key)[\w.-]*|sig|pwd|auth|key)=)"
    r"[^\s'\")]+",
    re.IGNORECASE,
)
"""Parameters of signed URLs, and others that grant access. Any other ``?`` is part of a name."""
IN_ENVIRONMENT = "credentials belong in the environment, where no log or report repeats them"

KNOWN = "known are s3://, gs://, az://, https:// and local paths"
SCHEME_ADVICE = {
    "dbfs": "give the folder that it is mounted at, such as /dbfs/{rest} or /Volumes/…",
    "hdfs": f"HDFS is not read or written; copy it to object storage or mount it ({KNOWN})",
    "viewfs": f"HDFS is not read or written; copy it to object storage or mount it ({KNOWN})",
    "hf": "download the files first, and name their folder",
}
"""Scheme that is not taken → what to do instead."""


@dataclass(frozen=True)
class Address:
    """Where something lies that a user names.

    Attributes:
        scheme: ``s3``, ``gs``, ``az``, ``abfss`` (where an account is named), ``http`` or ``https``; empty for a local
            path.
        bucket: bucket, container, ``container@account.dfs.core.windows.net``, or host.
        path: a local path as given, or the key of an object or folder, never decoded.
    """

    scheme: str
    bucket: str
    path: str

    @classmethod
    def parse(cls, named: str | PathLike[str]) -> Address:
        """Read a local path, a ``file:///`` URL or a URL of object storage.

        Raises:
            UsageError: the text is empty, its scheme is unknown or lacks a slash, it names no bucket or holds
                credentials, or its key is not UTF-8. The error repeats no credentials.
        """
        text: str = as_text(named)
        if not text:
            raise UsageError("'': an empty name; expected a local path, or a URL such as s3://bucket/folder")
        found = SCHEME.fullmatch(text)
        if found is None:
            return cls("", "", text)
        scheme, slashes, rest = found[1].lower(), found[2], found[3]
        if not slashes and scheme not in {*ALIASES, *SCHEME_ADVICE, "file"}:
            # A name with a colon in it.
            return cls("", "", text)
        shown = without_credentials(text)
        if scheme == "file":
            return cls("", "", _local_path(text, slashes, rest))
        if scheme not in ALIASES:
            advice = SCHEME_ADVICE.get(scheme, f"unknown scheme; {KNOWN} (a local name with a colon as ./{shown})")
            raise UsageError(f"{shown}: {advice.replace('{rest}', without_credentials(rest))}")
        if SECRET.search(unquote(rest)):
            raise UsageError(f"{shown}: holds a key or a signature; {IN_ENVIRONMENT}")
        if len(slashes) != 2:
            place = without_credentials(rest) or "bucket/folder"
            raise UsageError(f"{shown}: expected two slashes, as in {scheme}://{place}")
        bucket, _, path = rest.partition("/")
        scheme, bucket = _named(text, scheme, bucket)
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"{shown!r}: is not UTF-8, as the keys of objects must be") from error
        return cls(scheme, bucket, path)

    @property
    def local(self) -> Path | None:
        """The local path, absolute; None for a URL. Raises UsageError for the home of a user who has none."""
        if self.scheme:
            return None
        try:
            return Path(self.path).expanduser().absolute()
        except RuntimeError as error:
            raise UsageError(f"{self.path}: no such user, or no home directory; write the path out") from error

    @property
    def name(self) -> str:
        """The part after the last slash; a slash at the end is left out."""
        return self.path.rstrip("/").rpartition("/")[2]

    @property
    def parent(self) -> Address:
        """The folder that an object lies in; only for URLs."""
        return Address(self.scheme, self.bucket, self._key.rpartition("/")[0])

    @property
    def request(self) -> str:
        """The URL of a folder as the storage client reads it, which decodes what is encoded here."""
        return f"{self.scheme}://{self.bucket}" + (f"/{quote(self._key)}" if self._key else "")

    @property
    def _key(self) -> str:
        """The path without slashes at its end.

        Raises:
            UsageError: a part of it is empty, ``.`` or ``..``: the client takes no such keys, or leaves the part out.
        """
        key = self.path.rstrip("/")
        if key and not {"", ".", ".."}.isdisjoint(key.split("/")):
            raise UsageError(f"{self}: has an empty part, '.' or '..' between its slashes; give it another name")
        return key

    def __str__(self) -> str:
        """The path as given, or the URL with its canonical scheme, so that two spellings of a place become one."""
        if not self.scheme:
            return self.path
        return f"{self.scheme}://{self.bucket}" + (f"/{self.path}" if self.path else "")


def without_credentials(word: str) -> str:
    """A user's word, safe for a message: nothing in front of an ``@``, and no signature after a ``?``."""
    if secret := SECRET.search(unquote(word)):
        word = f"{unquote(word)[: secret.start() + 1]}…"
    return USER.sub(r"\1…@", word)


def masked(text: str) -> str:
    """A library's message without the credentials in its URLs."""
    return SECRET.sub(r"\1…", re.sub(r"(?<=://)[^\s/@]+@", "…@", text))


def _local_path(text: str, slashes: str, rest: str) -> str:
    """The path of a ``file:`` URL."""
    host, slash, path = rest.partition("/")
    if len(slashes) == 3:
        return f"/{rest}"
    if len(slashes) == 2 and slash and host == "localhost":
        return f"/{path}"
    place = without_credentials(rest) or "folder"
    raise UsageError(f"{without_credentials(text)}: expected three slashes and a path, as in file:///{place}")


def _named(text: str, scheme: str, bucket: str) -> tuple[str, str]:
    """Scheme and bucket under the names that the storage client knows."""
    first = ALIASES[scheme]
    if first == "az" and (account := AZURE_ACCOUNT.fullmatch(bucket)):
        return "abfss", f"{account[1]}@{account[2]}.dfs.{account[3]}"
    if "@" in bucket:
        raise UsageError(f"{without_credentials(text)}: names an account; {IN_ENVIRONMENT}")
    if not (HOST if first.startswith("http") else BUCKET).fullmatch(bucket):
        raise UsageError(f"{without_credentials(text)}: names no bucket; expected {scheme}://bucket/folder")
    return first, bucket
