"""`python -m analysis`: what a sweep found, from the files of its run directory."""

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from inspect import getdoc

from analysis.commands import COMMANDS
from runs.errors import EosweepError, told


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit status: 0, or 2 for a request that cannot be met."""
    options = _parser().parse_args(arguments)
    try:
        answer = COMMANDS[options.command].answer(options)
    except EosweepError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(told(error), file=sys.stderr)
        return 2
    try:
        print(answer, flush=True)
    except BrokenPipeError:
        # The reader (`head`, say) has closed the pipe; Python must not write to it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m analysis",
        description="What a sweep found, from the files of its run directory alone.",
    )
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    for name, command in COMMANDS.items():
        examples = "\n".join(f"  {parser.prog} {example}" for example in command.examples)
        command.add_arguments(
            commands.add_parser(
                name,
                help=command.summary,
                description=getdoc(command.answer),
                epilog=f"examples:\n{examples}",
                formatter_class=RawDescriptionHelpFormatter,
            )
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
