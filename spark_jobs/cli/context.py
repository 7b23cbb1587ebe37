"""What every command has in common: the settings, and errors told as a sentence."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lakehouse.settings import Settings


class Context:
    """What every command needs, made when it is first asked for."""

    def __init__(self, home: Path | None, debug: bool) -> None:
        self.home = home
        self.debug = debug

    @property
    def settings(self) -> "Settings":
        """Settings from the environment; a wrong one is a sentence, not a stack trace."""
        from pydantic import ValidationError
        from pydantic_settings import SettingsError

        from lakehouse.errors import InputError
        from lakehouse.settings import Settings

        try:
            return Settings(home=self.home) if self.home else Settings()
        except ValidationError as error:
            said = "; ".join(f"LAKE_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
            raise InputError(f"A setting can't be used: {said}.") from error
        except SettingsError as error:
            raise InputError("A setting can't be used: LAKE_FACILITY_TIME_ZONES is not a JSON object.") from error


pass_context = click.make_pass_decorator(Context)


def explained(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn errors into one sentence and the exit code of their kind; `--debug` shows the stack."""

    @wraps(command)
    def run(context: Context, *args: Any, **kwargs: Any) -> Any:
        from lakehouse.errors import EnvironmentFailed, LakeError

        try:
            return command(context, *args, **kwargs)
        except LakeError as error:
            if context.debug:
                raise
            click.secho(str(error), fg="red", err=True)
            sys.exit(error.exit_code)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.secho("Stopped. Nothing half-done is visible; run it again to finish.", fg="red", err=True)
            sys.exit(130)
        except Exception as error:
            if context.debug:
                raise
            if disk_is_full(error):
                click.secho(
                    "The disk is full. Nothing half-done is visible; free some space and run it again.",
                    fg="red",
                    err=True,
                )
                sys.exit(EnvironmentFailed.exit_code)
            from lakehouse.outages import explain

            if failure := explain(error, context.settings):
                click.secho(str(failure), fg="red", err=True)
                sys.exit(failure.exit_code)
            click.secho(
                f"{type(error).__name__}: this was not foreseen. `lake --debug …` shows where it happened; its output "
                f"may quote data, so look before you share it.",
                fg="red",
                err=True,
            )
            sys.exit(1)

    return run


def disk_is_full(error: BaseException) -> bool:
    """Whether somewhere down the chain the disk ran out of space."""
    import errno

    seen: BaseException | None = error
    while seen is not None:
        if getattr(seen, "errno", None) == errno.ENOSPC or "No space left on device" in str(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
