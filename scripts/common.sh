# Shared by ./tripoint, ./check and scripts/setup (POSIX sh). The caller sets $root first.

say() {
    printf 'tripoint: %s\n' "$*" >&2
}

# The cache, where the library looks for it too (src/base/paths.h).
case ${XDG_CACHE_HOME:-} in
/*) cache=$XDG_CACHE_HOME/tripoint ;;
*) cache=${HOME:+$HOME/.cache/tripoint} ;;
esac
cache=${TRIPOINT_CACHE:-$cache}
if [ -z "$cache" ]; then
    say 'neither TRIPOINT_CACHE, XDG_CACHE_HOME nor HOME is set: no place for the engines'
    exit 1
fi
engines=$cache/engines

# Is every engine's stamp what engines.lock says? Sets $stamps to their paths, one a line.
engines_ready() {
    stamps=
    while read -r word rest; do
        case $word in
        '' | '#'*) continue ;;
        engine)
            name=${rest%% *}
            version=${rest#* }
            stamp=$engines/$name-${version%% *}/stamp
            stamps="$stamps$stamp
"
            [ -r "$stamp" ] || return 1
            exec 4<"$stamp"
            ;;
        esac
        read -r stamp_word stamp_rest <&4 || return 1
        [ "$word $rest" = "$stamp_word $stamp_rest" ] || return 1
    done <"$root/engines.lock"
    exec 4<&-
}

# Runs a command while holding the lock on a file; the lock goes when the command ends.
with_lock() {
    lock=$1
    shift
    (
        exec 9<>"$lock"
        flock -n 9 || { say "waiting for another process that is setting up or building"; flock 9; }
        "$@" 9>&-
    )
}
