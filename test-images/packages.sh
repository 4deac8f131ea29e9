# SPDX-License-Identifier: Apache-2.0
# The Debian packages that the images are made of; packages.lock names their versions. Sourced after steps.sh.

# What the images are made of. linux-libc-dev has the headers that init is compiled with.
readonly source_package=linux-source-6.1
readonly guest_packages=(qemu-guest-agent busybox-static libc6 libglib2.0-0 libpcre2-8-0 libnuma1 libudev1 liburing2
    udev libacl1 libblkid1 libcap2 libkmod2 libselinux1 libzstd1 liblzma5 libssl3 linux-libc-dev)
readonly pinned=("$source_package" "${guest_packages[@]}")
# What turns them into images. These run on this machine, so they are installed on it; where they are installed already
# they stay as they are, and versions other than those of packages.lock make images of another name.
readonly compilers=(gcc gcc-12 binutils musl-tools erofs-utils)
readonly all=("${pinned[@]}" "${compilers[@]}")

lock=packages.lock
declare -A versions hashes

read_lock() {
    local name version hash
    versions=()
    hashes=()
    while read -r name version hash; do
        [[ -n $name && $name != '#'* ]] || continue
        versions[$name]=$version
        hashes[$name]=$hash
    done <"$lock"
}

check_lock() {
    local name
    for name in "${pinned[@]}"; do
        [[ -n ${versions[$name]:-} && ${hashes[$name]:-} =~ ^[0-9a-f]{64}$ ]] ||
            fail "$lock has no version and SHA-256 of $name: run \`make images-update PACKAGES=$name\`"
    done
    for name in "${compilers[@]}"; do
        [[ -n ${versions[$name]:-} ]] ||
            fail "$lock has no version of $name: run \`make images-update PACKAGES=$name\`"
    done
}

# Writes the lock file anew from versions and hashes.
write_lock() {
    local name
    {
        echo '# Debian packages that the images are made of: name, version, SHA-256 of the .deb file (amd64).'
        echo '# `make images-update` writes this file; see "Pinned packages" in README.md.'
        for name in "${pinned[@]}"; do
            echo "$name ${versions[$name]:-} ${hashes[$name]:-}"
        done
        echo
        echo '# Compilers: name, version. A missing one is installed, an installed one is not changed.'
        for name in "${compilers[@]}"; do
            echo "$name ${versions[$name]:-}"
        done
    } >"$lock.new"
    mv "$lock.new" "$lock"
}

# Prints "name old -> new" for each version that is not the lock file's any more.
report_moves() {
    local name old
    for name in "${all[@]}"; do
        old=$(awk -v name="$name" '$1 == name { print $2 }' "$lock")
        [[ $old == "${versions[$name]}" ]] || printf '  %-18s %s -> %s\n' "$name" "${old:-none}" "${versions[$name]}"
    done
}

# lines_of NAME...: their lines in the lock file.
lines_of() {
    local name
    for name in "$@"; do
        echo "$name ${versions[$name]} ${hashes[$name]}"
    done
}

# Prints "name version" of each compiler: of the installed one, else of the lock's, which would be installed.
compiler_versions() {
    local name version status
    local -A installed=()
    while read -r name version status; do
        [[ $status != installed ]] || installed[$name]=$version
    done < <(dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' "${compilers[@]}" 2>/dev/null)
    for name in "${compilers[@]}"; do
        echo "$name ${installed[$name]:-${versions[$name]}}"
    done
}
