# SPDX-License-Identifier: Apache-2.0
# Asks apt for versions of packages, and downloads the pinned ones. Sourced after packages.sh; `cache` is to be set.

# Whether apt's lists have been updated by this script: once is enough.
updated=
# The release whose versions apt prefers, if not the newest.
release=

apt_get() {
    local sudo=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || { echo "not root and no sudo: run as root: apt-get $*" >&2; return 1; }
        sudo=(sudo)
    fi
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive ${APT_CONFIG:+"APT_CONFIG=$APT_CONFIG"} \
        apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

# Installs those of the packages that are missing.
install_packages() {
    local name wanted=()
    for name in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || wanted+=("$name")
    done
    ((${#wanted[@]})) || return 0
    step "install ${wanted[*]}" install_or_update "${wanted[@]}"
}

# With old package lists, or none, it takes an update.
install_or_update() {
    apt_get install -y --no-install-recommends "$@" && return
    apt_get update
    apt_get install -y --no-install-recommends "$@"
}

# --- versions -------------------------------------------------------------------------------------------------------

# apt-cache as if nothing were installed, since an installed version need not be one that can be downloaded.
apt_cache() {
    LC_ALL=C apt-cache -o Dir::State::status=/dev/null -o Dir::Cache::pkgcache= \
        ${release:+-o "APT::Default-Release=$release"} "$@" 2>/dev/null
}

# Prints "name version" of every version that apt can download.
known_versions() {
    apt_cache madison "$@" | awk '{ print $1, $3 }' || true
}

# Prints "name version" of what apt would install.
candidates() {
    apt_cache policy "$@" |
        awk '/^[^ ]/ { name = $1; sub(":$", "", name) } /^  Candidate:/ && $2 != "(none)" { print name, $2 }' || true
}

# select_versions NAME=VERSION...: these versions, and the hashes that apt's lists have, take the place of what was
# read from the lock file. An unknown version gets no hash.
select_versions() {
    local selection name version hash
    for selection in "$@"; do
        versions[${selection%%=*}]=${selection#*=}
        hashes[${selection%%=*}]=
    done
    while read -r name version hash; do
        [[ ${versions[$name]:-} != "$version" ]] || hashes[$name]=$hash
    done < <(apt_cache show "$@" |
        awk '/^Package:/ { name = $2 } /^Version:/ { version = $2 } /^SHA256:/ { hash = $2 }
            /^$/ { print name, version, hash }')
}

# A package source that cannot be reached does not matter as long as another has what is wanted.
update_lists() {
    [[ -z $updated ]] || return 0
    (step 'apt-get update' apt_get update) || true
    updated=yes
}

# --- downloads ------------------------------------------------------------------------------------------------------

# Package files stay in the cache: a kernel with another patch is made of the same source. Whoever uses one checks its
# hash first.
deb_of() {
    echo "$cache/debs/$1_${versions[$1]//:/%3a}.deb"
}

hash_of_file() {
    sha256sum <"$1" | cut -d ' ' -f 1
}

# fetch_packages DIR NAME...: has the pinned versions' files in the cache; DIR is where they are until they are checked.
fetch_packages() {
    local directory=$1 name deb wanted=()
    shift
    for name in "$@"; do
        deb=$(deb_of "$name")
        [[ -e $deb && $(hash_of_file "$deb") == "${hashes[$name]}" ]] || wanted+=("$name")
    done
    ((${#wanted[@]})) || return 0
    local what="${#wanted[@]} packages"
    ((${#wanted[@]} > 1)) || what=${wanted[0]}
    require_known "${wanted[@]}"
    # A version that old lists know may be gone from where they say it is.
    if [[ $updated ]] || ! (step "download $what" download "$directory" "${wanted[@]}"); then
        update_lists
        require_known "${wanted[@]}"
        step "download $what" download "$directory" "${wanted[@]}"
    fi
    keep_downloads "$directory" "${wanted[@]}"
}

download() {
    local directory=$1 name selections=()
    shift
    for name in "$@"; do
        selections+=("$name=${versions[$name]}")
    done
    rm -rf "$directory"
    mkdir -p "$directory"
    cd "$directory" && apt-get -q -o APT::Sandbox::User=root download "${selections[@]}"
}

keep_downloads() {
    local directory=$1 name deb hash
    shift
    mkdir -p "$cache/debs"
    for name in "$@"; do
        deb=$(echo "$directory/${name}"_*.deb)
        hash=$(hash_of_file "$deb")
        [[ $hash == "${hashes[$name]}" ]] ||
            fail "$name ${versions[$name]}: the SHA-256 in $lock is ${hashes[$name]}, of what apt downloaded $hash"
        mv "$deb" "$(deb_of "$name")"
    done
    rm -rf "$directory"
}

# Fails unless apt knows the pinned versions, after an update of its lists if need be.
require_known() {
    local unknown
    unknown=$(unknown_of "$@")
    if [[ -n $unknown ]]; then
        update_lists
        unknown=$(unknown_of "$@")
    fi
    # shellcheck disable=SC2086 # names of packages have no spaces
    [[ -z $unknown ]] || fail "$(describe_unknown $unknown)"
}

# Prints the names of those whose pinned version apt does not know.
unknown_of() {
    local name known
    known=$(known_versions "$@")
    for name in "$@"; do
        grep -qxF "$name ${versions[$name]}" <<<"$known" || echo "$name"
    done
}

describe_unknown() {
    local name=$1 others=$(($# - 1)) known
    known=$(known_versions "$name" | awk '{ printf "%s%s", comma, $2; comma = ", " }')
    echo -n "apt has no $name ${versions[$name]}, which $lock pins, but ${known:-no other version of it}"
    ((others == 0)) || echo -n "; it lacks $others more packages"
    echo '. Move the pin (`make images-update`) or add a package source of Debian 12 that has the version.'
}
