"""Errors that a person can act on: one sentence each, and an exit code by kind.

A message says what is wrong, where, and what to do next. It never carries patient data: no ids, names, codes or values
of records; file names, line numbers, byte offsets, table, column and check names are allowed.
"""

from typing import ClassVar


class LakeError(Exception):
    """Something that Carelake can explain; the command line shows the sentence and no stack trace."""

    exit_code: ClassVar[int] = 1


class InputError(LakeError):
    """What was given cannot be used: a path, a view, a query, a name."""

    exit_code = 3


class ViewError(InputError):
    """A ViewDefinition is invalid; the message names the element and what is wrong with it."""


class GateFailed(LakeError):
    """A quality gate held a publish back; readers still see the earlier snapshot."""

    exit_code = 4


class EnvironmentFailed(LakeError):
    """The machine lacks something: Java, a jar, disk space, a permission, the network."""

    exit_code = 5


class Conflict(LakeError):
    """Someone else changed or holds what this run needed; running again is safe."""

    exit_code = 6


class DeclarationError(LakeError):
    """A table declaration is wrong, or the live table differs from it in a way that needs a decision."""

    exit_code = 7
