#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tests packages.lock and what is done with it: packages.sh, apt.sh, pin.sh and the keys of build.sh. Makes an archive
# of small packages under the names of the real ones, and has apt use that. Needs no network, changes nothing on the
# machine and takes seconds.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
command -v apt-get >/dev/null || { echo 'packages.lock: not tested, there is no apt'; exit 0; }

tmp=$(mktemp -d)
readonly tmp archive=$tmp/archive
trap 'rm -rf "$tmp"' EXIT

. ./steps.sh
. ./packages.sh

# --- an archive, and apt in several states ---------------------------------------------------------------------------

# archive_has NAME VERSION
archive_has() {
    local deb=${1}_${2//:/%3a}_all.deb root=$tmp/root
    mkdir -p "$root/DEBIAN" "$archive"
    printf '%s\n' "Package: $1" "Version: $2" 'Architecture: all' 'Maintainer: nobody' 'Description: a test' \
        >"$root/DEBIAN/control"
    dpkg-deb --root-owner-group -Znone --build "$root" "$archive/$deb" >/dev/null
    {
        cat "$root/DEBIAN/control"
        echo "Filename: ./$deb"
        echo "Size: $(stat -c %s "$archive/$deb")"
        echo "SHA256: $(sha256sum <"$archive/$deb" | cut -d ' ' -f 1)"
        echo
    } >>"$archive/Packages"
}

# apt_state NAME: apt keeps its lists in a directory of this name from now on; none are there at first.
apt_state() {
    export APT_CONFIG=$tmp/$1.conf
    mkdir -p "$tmp/$1"/{lists,cache}/partial "$tmp/$1/cache/archives/partial"
    : >"$tmp/empty"
    cat >"$APT_CONFIG" <<END
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "$tmp/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$tmp/$1";
Dir::State::status "$tmp/empty";
Dir::Cache "$tmp/$1/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
END
    : >"$tmp/updates"
}

# Programs that come first on PATH: apt-get takes notes, and nobody is asked for a password.
make_wrappers() {
    mkdir "$tmp/bin"
    printf '%s\n' '#!/bin/sh' "case \"\$*\" in *update*) echo update >>'$tmp/updates' ;; esac" \
        "[ ! -e '$tmp/no-apt' ] || { touch '$tmp/apt-was-asked'; exit 1; }" \
        "exec '$(command -v apt-get)' \"\$@\"" >"$tmp/bin/apt-get"
    printf '%s\n' '#!/bin/sh' "[ ! -e '$tmp/no-apt' ] || { touch '$tmp/apt-was-asked'; exit 1; }" \
        "exec '$(command -v apt-cache)' \"\$@\"" >"$tmp/bin/apt-cache"
    printf '%s\n' '#!/bin/sh' 'exec "$@"' >"$tmp/bin/sudo"
    chmod +x "$tmp"/bin/*
    PATH=$tmp/bin:$PATH
}

# --- expectations -----------------------------------------------------------------------------------------------------

expect() { # WHAT EXPECTED ACTUAL
    [[ $3 == "$2" ]] || fail "packages.lock: $1"$'\n'"expected: $2"$'\n'"but was:  $3"
}

expect_updates() { # WHAT COUNT
    expect "apt-get update: $1" "$2" "$(wc -l <"$tmp/updates")"
}

# The rest works on a copy, whose lock file it may change.
copy_scripts() {
    mkdir "$tmp/copy"
    tar -c --exclude=./target --exclude=./bare-metal . | tar -x -C "$tmp/copy"
    export XDG_CACHE_HOME=$tmp/xdg
    mkdir -p "$XDG_CACHE_HOME/microvm"
    cd "$tmp/copy"
}

# Downloads all pinned packages as build.sh does, and prints what it says.
fetch() {
    bash -c 'set -euo pipefail
        cache=$XDG_CACHE_HOME/microvm
        . ./steps.sh; . ./packages.sh; . ./apt.sh
        start_log "$cache/build.log"
        read_lock; check_lock
        fetch_packages "$cache/download" "${pinned[@]}"' 2>&1
}

debs() {
    (cd "$XDG_CACHE_HOME/microvm/debs" && sha256sum -- *)
}

forget_debs() {
    rm -rf "$XDG_CACHE_HOME/microvm/debs"
}

set_version() { # NAME VERSION
    sed -i "s/^$1 [^ ]*/$1 $2/" packages.lock
}

# --- tests ------------------------------------------------------------------------------------------------------------

lock_hasEveryPackageOnce() {
    read_lock
    check_lock
    expect 'its packages' "$(printf '%s\n' "${all[@]}")" "$(grep -v '^#' "$lock" | awk 'NF { print $1 }')"
}

keys_doNotDependOnApt() {
    local keys
    keys=$(./build.sh keys)
    apt_state none
    expect 'keys without package lists' "$keys" "$(./build.sh keys)"
    apt_state old
    apt-get -q update >/dev/null
    expect 'keys with package lists' "$keys" "$(./build.sh keys)"
    touch "$tmp/no-apt"
    expect 'keys without apt' "$keys" "$(./build.sh keys)"
    rm "$tmp/no-apt"
    expect 'apt was asked for keys' no "$([[ -e $tmp/apt-was-asked ]] && echo yes || echo no)"
}

keys_dependOnVersions() {
    ./build.sh keys >"$tmp/before"
    set_version libssl3 9.9
    ./build.sh keys >"$tmp/after"
    expect 'keys that stay when a library moves' kernel "$(grep -xF -f "$tmp/before" "$tmp/after" | cut -d ' ' -f 1)"
}

# installed LINE...: what dpkg-query says of the compilers.
installed() {
    printf '%s\n' '#!/bin/sh' "cat <<'END'" "$@" END >"$tmp/bin/dpkg-query"
    chmod +x "$tmp/bin/dpkg-query"
}

keys_dependOnInstalledCompilers() {
    local line lines=() pinned_keys
    while read -r line; do
        lines+=("$line installed")
    done < <(sed -n '/^# Compilers/,$p' packages.lock | tail -n +2)
    installed "${lines[@]}"
    pinned_keys=$(./build.sh keys)
    installed
    expect 'keys when the compilers are yet to be installed' "$pinned_keys" "$(./build.sh keys)"
    installed 'gcc-12 12.9 installed' 'erofs-utils 1.5-1 config-files'
    expect 'the kernel of another compiler' other \
        "$([[ $(./build.sh keys) == *"$(head -n 1 <<<"$pinned_keys")"* ]] || echo other)"
    rm "$tmp/bin/dpkg-query"
}

update_pinsWhatAptHas() {
    apt_state old
    ./pin.sh update >/dev/null
    expect_updates 'update' 1
    expect 'versions after update' 1:1.0 "$(awk '!/^#/ && NF { print $2 }' packages.lock | sort -u)"
    read_lock
    check_lock
    fetch >/dev/null
    expect_updates 'download of known versions' 1
    debs >"$tmp/debs"
    expect 'number of downloads' "${#pinned[@]}" "$(wc -l <"$tmp/debs")"
}

fetch_withCachedFiles_asksNobody() {
    touch "$tmp/no-apt"
    expect 'output of a fetch from the cache' '' "$(fetch)"
    rm "$tmp/no-apt"
    expect 'apt was asked for files in the cache' no "$([[ -e $tmp/apt-was-asked ]] && echo yes || echo no)"
}

fetch_withFreshLists_takesPinnedVersions() {
    local name
    for name in "${pinned[@]}"; do
        archive_has "$name" 1:2.0
    done
    apt_state fresh
    apt-get -q update >/dev/null
    forget_debs
    fetch >/dev/null
    expect_updates 'with fresh lists' 1 # the one above
    expect 'files with fresh lists' "$(cat "$tmp/debs")" "$(debs)"
}

fetch_withoutLists_updatesOnce() {
    apt_state missing
    forget_debs
    fetch >/dev/null
    expect_updates 'without lists' 1
    expect 'files without lists' "$(cat "$tmp/debs")" "$(debs)"
}

news_saysWhatIsNewer() {
    apt_state fresh
    expect 'summary' "images: apt has newer versions of ${#pinned[@]} pinned packages (make images-news)" \
        "$(./pin.sh summary)"
    expect 'news of libssl3' '  libssl3            1:1.0 -> 1:2.0' "$(./pin.sh news | grep libssl3)"
    expect_updates 'news' 0
    apt_state old
    expect 'summary without news' '' "$(./pin.sh summary)"
}

fetch_withStaleLists_updatesOnce() {
    apt_state fresh
    ./pin.sh update "$source_package" libssl3=1:2.0 >"$tmp/said"
    expect 'what update says' $'  linux-source-6.1   1:1.0 -> 1:2.0\n  libssl3            1:1.0 -> 1:2.0' \
        "$(tail -n 2 "$tmp/said")"
    expect 'a package that was not named' 1:1.0 "$(awk '$1 == "libacl1" { print $2 }' packages.lock)"
    apt_state old
    fetch >/dev/null
    expect_updates 'with stale lists' 1
    fetch >/dev/null
    expect_updates 'after all is there' 1
}

fetch_ofUnknownVersion_fails() {
    local said
    apt_state fresh
    set_version libssl3 1:0.5
    said=$(fetch) && fail 'packages.lock: a version that apt does not know was fetched'
    expect_updates 'for an unknown version' 1
    expect 'error for a version' 'test-images: apt has no libssl3 1:0.5, which packages.lock pins, but 1:2.0, '\
'1:1.0. Move the pin (`make images-update`) or add a package source of Debian 12 that has the version.' \
        "$(tail -n 1 <<<"$said")"
    expect 'lines of the error' 2 "$(wc -l <<<"$said")"
}

update_toUnknownVersion_changesNothing() {
    local before said
    before=$(cat packages.lock)
    said=$(./pin.sh update libssl3=1:7.0 2>&1) && fail 'packages.lock: it was moved to a version that apt does not know'
    expect 'error of update' 'test-images: apt has no libssl3 1:7.0; packages.lock stays as it is' \
        "$(tail -n 1 <<<"$said")"
    expect 'the lock file' "$before" "$(cat packages.lock)"
}

fetch_ofOtherContents_fails() {
    local said
    set_version libssl3 1:1.0
    sed -i "/^libssl3 /s/[0-9a-f]*$/$(printf '0%.0s' {1..64})/" packages.lock
    said=$(fetch) && fail 'packages.lock: a file with another hash was fetched'
    expect 'error for a hash' 'test-images: libssl3 1:1.0: the SHA-256 in packages.lock is 0000' \
        "$(tail -n 1 <<<"$said" | cut -c 1-64)"
}

lock_hasEveryPackageOnce
make_wrappers
copy_scripts
echo "deb [trusted=yes] copy:$archive ./" >"$tmp/sources.list"
for name in "${all[@]}"; do
    archive_has "$name" 1:1.0
done
keys_doNotDependOnApt
keys_dependOnVersions
keys_dependOnInstalledCompilers
update_pinsWhatAptHas
fetch_withCachedFiles_asksNobody
fetch_withFreshLists_takesPinnedVersions
fetch_withoutLists_updatesOnce
news_saysWhatIsNewer
fetch_withStaleLists_updatesOnce
fetch_ofUnknownVersion_fails
update_toUnknownVersion_changesNothing
fetch_ofOtherContents_fails
echo 'packages.lock: ok'
