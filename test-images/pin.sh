#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Compares packages.lock with what apt offers, and moves it.
#
#   pin.sh news      says which packages have newer versions in apt's lists as they are
#   pin.sh summary   says it in one line, or nothing; never fails
#   pin.sh update [-t RELEASE] [NAME[=VERSION]]...
#                    updates apt's lists and pins the versions that apt would install (all packages' if none is named),
#                    preferring RELEASE as `apt-get -t` does

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# As the XDG Base Directory Specification says, a relative path is ignored.
[[ ${XDG_CACHE_HOME:-} == /* ]] || unset XDG_CACHE_HOME
readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/microvm

. ./steps.sh
. ./packages.sh
. ./apt.sh

# Prints "name old -> new" for each package that apt has a newer version of.
newer_versions() {
    local name version
    while read -r name version; do
        if dpkg --compare-versions "$version" gt "${versions[$name]:-0}"; then
            printf '  %-18s %s -> %s\n' "$name" "${versions[$name]:-none}" "$version"
        fi
    done < <(candidates "${all[@]}")
}

# The day on which the newest of apt's lists was made.
lists_date() {
    local directory=
    eval "$(apt-config shell directory Dir::State::lists/d)"
    find "$directory" -name '*Packages*' -printf '%TY-%Tm-%Td\n' | sort | tail -n 1
}

news() {
    local newer date
    newer=$(newer_versions)
    date=$(lists_date)
    [[ -n $date ]] || fail 'apt has no package lists: run apt-get update'
    if [[ -z $newer ]]; then
        echo "apt's lists of $date have no newer versions than $lock"
    else
        echo "newer versions than those of $lock in apt's lists of $date:"
        echo "$newer"
    fi
}

summary() {
    local newer
    newer=$(newer_versions 2>/dev/null) || return 0
    [[ -z $newer ]] || echo "images: apt has newer versions of $(wc -l <<<"$newer") pinned packages (make images-news)"
}

update() {
    local argument name version names=() selections=()
    if [[ ${1:-} == -t ]]; then
        release=$2
        shift 2
    fi
    (($#)) || set -- "${all[@]}"
    for argument in "$@"; do
        name=${argument%%=*}
        [[ " ${all[*]} " == *" $name "* ]] || fail "the images are not made of $name"
        if [[ $argument == *=* ]]; then selections+=("$argument"); else names+=("$name"); fi
    done
    mkdir -p "$cache"
    start_log "$cache/pin.log"
    update_lists
    if ((${#names[@]})); then
        while read -r name version; do
            selections+=("$name=$version")
        done < <(candidates "${names[@]}")
    fi
    select_versions "${selections[@]}"
    for name in "${names[@]}"; do
        [[ " ${selections[*]}" == *" $name="* ]] || fail "apt has no $name; $lock stays as it is"
    done
    for name in "${selections[@]%%=*}"; do
        [[ -n ${hashes[$name]} ]] || fail "apt has no $name ${versions[$name]}; $lock stays as it is"
    done
    local moves
    moves=$(report_moves)
    write_lock
    echo "${moves:-$lock stays as it is: nothing is newer}"
}

read_lock
case ${1:-} in
news) news ;;
summary) summary ;;
update) update "${@:2}" ;;
*) fail 'usage: pin.sh news|summary|update [-t RELEASE] [NAME[=VERSION]]...' ;;
esac
