#!/bin/sh
# run.sh FOLDER COMMAND…: runs COMMAND so that it outlives whoever started it, and leaves in FOLDER what tells of it:
#   pid     "PID WRAPPER", the command's own pid and this shell's, which leads the session
#   output  what it wrote
#   exit    its exit code, written whole and then renamed
trap '' HUP
umask 077
folder=$1
shift
sh -c 'echo $$ $PPID >"$0/pid"; exec "$@"' "$folder" "$@" </dev/null >>"$folder/output" 2>&1
echo $? >"$folder/exit.tmp"
mv "$folder/exit.tmp" "$folder/exit"
