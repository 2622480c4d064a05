"""From what pymongo raises to the errors that stores promise."""

from __future__ import annotations

from bson.errors import BSONError
from pymongo import errors

from memori_storage.store import StoreConfigurationError, StoreError, StoreUnavailableError

# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
_REFUSED = {
    13: "this user may not do that: grant it the role readWrite",
    18: "user name or password are wrong",
    8000: "user name or password are wrong",  # Atlas
}
_PASSING = {
    6,  # HostUnreachable
    7,  # HostNotFound
    24,  # LockTimeout
    46,  # LockBusy
    50,  # MaxTimeMSExpired
    64,  # WriteConcernFailed
    89,  # NetworkTimeout
    91,  # ShutdownInProgress
    112,  # WriteConflict
    134,  # ReadConcernMajorityNotAvailableYet
    189,  # PrimarySteppedDown
    202,  # NetworkInterfaceExceededTimeLimit
    262,  # ExceededTimeLimit
    9001,  # SocketException
    10107,  # NotWritablePrimary
    11600,  # InterruptedAtShutdown
    11602,  # InterruptedDueToReplStateChange
    13435,  # NotPrimaryNoSecondaryOk
    13436,  # NotPrimaryOrSecondary
    14031,  # OutOfDiskSpace
}

RAISED = (errors.PyMongoError, BSONError, OverflowError)
"""All that pymongo raises when it is used."""


def as_store_error(error: Exception, name: str) -> StoreError:
    """The error to raise in place of pymongo's, one line that names the database ``name``."""
    said = " ".join(str(error).split("\n")[0].split()).partition(", Timeout:")[0]
    code = _code(error)
    if reason := _REFUSED.get(code):
        return StoreConfigurationError(f"cannot use {name}: {reason}")
    if isinstance(error, errors.ConfigurationError | errors.InvalidURI | errors.InvalidName):
        return StoreConfigurationError(f"cannot use {name}: {said}")
    if isinstance(error, errors.DocumentTooLarge):
        return StoreError(f"{name} refused: a message is larger than MongoDB's 16 MB ({said})")
    if is_passing(error):
        return StoreUnavailableError(f"{name} is not available now: {said}")
    return StoreError(f"{name} refused: {said}")


def is_passing(error: Exception) -> bool:
    """Whether the same may succeed later."""
    return (
        isinstance(
            error,
            errors.ConnectionFailure
            | errors.ExecutionTimeout
            | errors.WTimeoutError
            | errors.WaitQueueTimeoutError,
        )
        or _code(error) in _PASSING
        or "database is locked" in str(error)  # FerretDB on SQLite
    )


def is_worth_another_try(error: Exception) -> bool:
    """Whether the same may succeed at once: the connection was lost, and can be had again.

    Those that took their time to fail are the caller's to try again.
    """
    slow = errors.ServerSelectionTimeoutError | errors.NetworkTimeout | errors.ExecutionTimeout
    return is_passing(error) and not isinstance(error, slow)


def _code(error: Exception) -> int:
    """The server's code; of several errors in one command, that of the first."""
    if isinstance(error, errors.BulkWriteError):
        details = error.details or {}
        said = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
        return int(said[0].get("code") or 0) if said else 0
    return int(getattr(error, "code", None) or 0)
