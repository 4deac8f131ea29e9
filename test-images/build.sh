#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds the test images, or finds them in the cache, and points target/images at them.
#
#   build.sh images      kernel and root filesystem
#   build.sh bzimages    the same, and the kernel as four bzImages
#
# The cache, ${XDG_CACHE_HOME:-~/.cache}/microvm, has one directory for each kernel, each root filesystem and each pair
# of the two, named by a hash of everything that went in. A directory is built under another name and renamed when it
# is complete, so what is there is whole. One build runs at a time.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
here=$PWD
readonly here

readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/microvm
readonly goal=${1:-images}

# Debian packages whose contents end up in the images, and those that only help to build them.
readonly source_package=linux-source-6.1
readonly guest_packages=(qemu-guest-agent busybox-static libc6 libglib2.0-0 libpcre2-8-0 libnuma1 libudev1 liburing2
    udev libacl1 libblkid1 libcap2 libkmod2 libselinux1 libzstd1 liblzma5 libssl3)
readonly compilers=(gcc binutils musl-tools erofs-utils)
readonly tools=(make bc bison flex libelf-dev libssl-dev libc6-dev linux-libc-dev cpio xz-utils util-linux patch)
readonly bzimage_tools=(gzip xz-utils lz4 zstd)

. ./steps.sh

# --- what goes in ---------------------------------------------------------------------------------------------------

# Prints "package version" lines for the versions apt would install. Asking apt takes most of a second, so the answer
# is kept for as long as apt's lists, its preferences and dpkg's status are what they were.
candidate_versions() {
    local stamp memo=$cache/versions
    stamp=$(stat -c '%n %Y' /var/lib/apt/lists /var/lib/dpkg/status /etc/apt /etc/apt/*.d build.sh 2>&1 | sha256sum)
    if [[ -f $memo && $(head -n 1 "$memo") == "$stamp" ]]; then
        tail -n +2 "$memo"
        return
    fi
    local versions
    versions=$(apt-cache policy "$source_package" "${guest_packages[@]}" "${compilers[@]}" |
        awk '/^[^ ]/ { sub(":$", "", $1); name = $1 } /^  Candidate:/ { print name, $2 }')
    mkdir -p "$cache"
    printf '%s\n%s\n' "$stamp" "$versions" >"$memo.$$"
    mv "$memo.$$" "$memo"
    printf '%s\n' "$versions"
}

version_of() {
    awk -v name="$1" '$1 == name { print $2 }' <<<"$versions"
}

hash_of() {
    sha256sum | cut -c 1-16
}

find_versions() {
    versions=$(candidate_versions)
    local package
    for package in "$source_package" "${guest_packages[@]}" "${compilers[@]}"; do
        local version
        version=$(version_of "$package")
        [[ -n $version && $version != '(none)' ]] || return 1
    done
}

# sha256sum prints names, so a renamed or added file counts as well as a changed one.
compute_keys() {
    kernel_key=$( (
        sha256sum kernel/build.sh kernel/config kernel/patches/*.patch
        grep -E "^($source_package|gcc|binutils) " <<<"$versions"
    ) | hash_of)
    rootfs_key=$( (
        find rootfs -type f | LC_ALL=C sort | xargs sha256sum
        grep -vE "^($source_package|gcc|binutils) " <<<"$versions"
    ) | hash_of)
    images_key=$( (
        echo "$kernel_key $rootfs_key"
        sha256sum cmdline
    ) | hash_of)
    kernel_dir=$cache/kernel/$kernel_key
    bzimages_dir=$cache/bzimages/$kernel_key
    rootfs_dir=$cache/rootfs/$rootfs_key
    images_dir=$cache/images/$images_key
}

# --- building -------------------------------------------------------------------------------------------------------

apt_get() {
    local sudo=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || { echo "not root and no sudo: run as root: apt-get $*" >&2; return 1; }
        sudo=(sudo)
    fi
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

# Installs those of the packages that are missing or, for packages whose version is part of a key, not current.
install_packages() {
    local package wanted=()
    for package in "$@"; do
        local installed version
        installed=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$package" 2>/dev/null || true)
        version=$(version_of "$package")
        [[ $installed == "installed ${version:-*}" || (-z $version && $installed == installed\ *) ]] || wanted+=("$package")
    done
    ((${#wanted[@]})) || return 0
    step "install ${wanted[*]}" apt_get install -y --no-install-recommends "${wanted[@]}"
}

# Downloads and unpacks the guest's packages: their files, not this machine's, go into the image.
fetch_guest_packages() {
    local package wanted=()
    mkdir -p "$work/debs" "$work/packages"
    for package in "${guest_packages[@]}"; do
        wanted+=("$package=$(version_of "$package")")
    done
    (cd "$work/debs" && apt-get -q -o APT::Sandbox::User=root download "${wanted[@]}")
    for package in "$work"/debs/*.deb; do
        dpkg-deb -x "$package" "$work/packages"
    done
}

# publish DIR TARGET: a finished directory gets its name in the cache.
publish() {
    mkdir -p "$(dirname "$2")"
    mv -T "$1" "$2"
}

build_kernel() {
    install_packages "$source_package" "${compilers[@]}" "${tools[@]}"
    ./kernel/build.sh vmlinux "$work/kernel-build" "$work/kernel"
    publish "$work/kernel" "$kernel_dir"
}

build_bzimages() {
    install_packages "$source_package" "${compilers[@]}" "${tools[@]}" "${bzimage_tools[@]}"
    ./kernel/build.sh bzimages "$work/kernel-build" "$work/bzimages"
    publish "$work/bzimages" "$bzimages_dir"
}

build_rootfs() {
    install_packages "${compilers[@]}" "${tools[@]}"
    step 'download the packages of the root filesystem' fetch_guest_packages
    ./rootfs/build.sh "$work/packages" "$work/root" "$work/rootfs"
    publish "$work/rootfs" "$rootfs_dir"
}

# link_into FROM DIR: hard links where the filesystem allows.
link_into() {
    cp -al "$1"/. "$2"/ 2>/dev/null || cp -a "$1"/. "$2"/
}

assemble() {
    mkdir -p "$work/images"
    link_into "$kernel_dir" "$work/images"
    link_into "$rootfs_dir" "$work/images"
    cp cmdline "$work/images/cmdline"
    {
        echo "images $images_key"
        echo "kernel $kernel_key"
        echo "rootfs $rootfs_key"
        echo
        echo '# Debian packages'
        printf '%s\n' "$versions"
        echo
        echo '# sha256 of what goes in'
        sha256sum kernel/build.sh kernel/config kernel/patches/*.patch
        find rootfs cmdline -type f | LC_ALL=C sort | xargs sha256sum
        echo
        echo '# sha256 of what came out'
        (cd "$work/images" && sha256sum -- *)
    } >"$work/manifest"
    mv "$work/manifest" "$work/images/manifest"
    publish "$work/images" "$images_dir"
}

# Old work directories are those of builds that were killed: whoever holds the lock may remove them.
build() {
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    if ! flock -n 9; then
        echo "another build is running; waiting for it ($cache/lock)"
        flock 9
    fi
    rm -rf "$cache"/work.*
    work=$(mktemp -d "$cache/work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    start_log "$cache/build.log"

    if ! find_versions; then
        step 'apt-get update (no package lists yet)' apt_get update
        find_versions || fail "apt knows no $source_package: Debian 12 (bookworm) package sources are needed"
    fi
    compute_keys
    [[ -d $kernel_dir ]] || build_kernel
    [[ $goal != bzimages || -d $bzimages_dir ]] || build_bzimages
    [[ -d $rootfs_dir ]] || build_rootfs
    [[ -d $images_dir ]] || step 'put them together' assemble
    if [[ $goal == bzimages ]]; then
        link_into "$bzimages_dir" "$images_dir"
    fi
}

complete() {
    [[ -d $images_dir ]] && { [[ $goal != bzimages ]] || [[ -e $images_dir/bzImage.gzip && -d $bzimages_dir ]]; }
}

case $goal in
images | bzimages) ;;
*) fail "usage: build.sh images|bzimages" ;;
esac
find_versions && compute_keys && complete || build
mkdir -p target
ln -sfnT "$images_dir" target/images
# For programs that know no clone of this repository, such as tests of other projects.
ln -sfnT "$images_key" "$cache/images/current"
echo "images: $images_dir"
