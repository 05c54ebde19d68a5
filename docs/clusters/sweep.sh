#!/bin/bash
# Resume the run of a sweep, or start it if there is none: where one command must do for both.
cd "$(dirname "$0")/../.." || exit
[ -d .venv ] && PATH="$PWD/.venv/bin:$PATH"
python tune_main.py "$@" --resume
status=$?
[ "$status" != 2 ] && exit "$status" # 2: there is no run, or the sweep cannot run as it is written
python tune_main.py "$@"
