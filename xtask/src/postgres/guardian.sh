# Outlives the command that started it, and cleans up behind it however it ended: stdin is a pipe
# that the kernel closes when that command returns, panics, or is killed, be it by SIGKILL.
# Usage: sh guardian.sh DIRECTORY
# Each line on stdin is the pid of a program to end first; an empty line takes it back.
trap '' HUP INT TERM
directory=$1
child=
while read -r line; do child=$line; done
if [ -n "$child" ]; then kill -TERM "$child"; fi

# QUIT is PostgreSQL's immediate shutdown: nothing of this data is wanted any more.
lock=$directory/data/postmaster.pid
if read -r server < "$lock"; then
    kill -QUIT "$server"
    # 200 waits of 50 ms: ten seconds for what takes a few milliseconds. The lock file goes with
    # the server; the process may linger as a zombie where nobody reaps orphans.
    tries=200
    while [ "$tries" -gt 0 ] && [ -e "$lock" ] && kill -0 "$server"; do
        tries=$((tries - 1))
        sleep 0.05
    done
    [ ! -e "$lock" ] || kill -KILL "$server"
fi
rm -rf -- "$directory"
