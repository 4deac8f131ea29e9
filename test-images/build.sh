#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds the test images, or finds them in the cache, and points target/images at them.
#
#   build.sh images      kernel and root filesystem, of the package versions that packages.lock names
#   build.sh bzimages    the same, and the kernel as four bzImages
#   build.sh newest      kernel and root filesystem of the newest versions that apt has; target/images-newest
#   build.sh keys        prints the names of kernel, root filesystem and images in the cache
#
# The cache, ${XDG_CACHE_HOME:-~/.cache}/microvm, has one directory for each kernel, each root filesystem and each pair
# of the two, named by a hash of everything that went in. A directory is built under another name and renamed when it
# is complete, so what is there is whole. One build runs at a time.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# Neither the order of files nor their modes come from whoever builds.
export LC_ALL=C
umask 022

# As the XDG Base Directory Specification says, a relative path is ignored.
[[ ${XDG_CACHE_HOME:-} == /* ]] || unset XDG_CACHE_HOME
readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/microvm
readonly goal=${1:-images}

# What builds the images besides the compilers; their versions are not a part of the keys.
readonly tools=(make bc bison flex libelf-dev libssl-dev libc6-dev linux-libc-dev cpio xz-utils util-linux patch)
readonly bzimage_tools=(gzip xz-utils lz4 zstd)

. ./steps.sh
. ./packages.sh
. ./apt.sh

# --- what goes in ---------------------------------------------------------------------------------------------------

hash_of() {
    sha256sum | cut -c 1-16
}

# sha256sum prints names, so a renamed or added file counts as well as a changed one.
compute_keys() {
    compiled_by=$(compiler_versions)
    kernel_key=$( (
        sha256sum kernel/build.sh kernel/config kernel/patches/*.patch
        lines_of "$source_package"
        grep -E '^(gcc|gcc-12|binutils) ' <<<"$compiled_by"
    ) | hash_of)
    rootfs_key=$( (
        find rootfs -type f | LC_ALL=C sort | xargs sha256sum
        lines_of "${guest_packages[@]}"
        echo "$compiled_by"
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

# Of what was installed before, other versions than the lock's may be there.
install_compilers() {
    install_packages "${compilers[@]}" "${tools[@]}"
    compute_keys
    local name version
    while read -r name version; do
        [[ $version == "${versions[$name]}" ]] ||
            echo "  $name $version is installed ($lock: ${versions[$name]}); it makes images of another name"
    done <<<"$compiled_by"
}

# The files of the guest's packages, not this machine's, go into the image.
unpack_guest_packages() {
    local name
    mkdir -p "$work/packages"
    for name in "${guest_packages[@]}"; do
        dpkg-deb -x "$(deb_of "$name")" "$work/packages"
    done
}

# publish DIR TARGET: a finished directory gets its name in the cache.
publish() {
    mkdir -p "$(dirname "$2")"
    mv -T "$1" "$2"
}

build_kernel() {
    fetch_packages "$work/download" "$source_package"
    ./kernel/build.sh vmlinux "$(deb_of "$source_package")" "$work/kernel-build" "$work/kernel"
    publish "$work/kernel" "$kernel_dir"
}

build_bzimages() {
    install_packages "${bzimage_tools[@]}"
    fetch_packages "$work/download" "$source_package"
    ./kernel/build.sh bzimages "$(deb_of "$source_package")" "$work/kernel-build" "$work/bzimages"
    publish "$work/bzimages" "$bzimages_dir"
}

build_rootfs() {
    fetch_packages "$work/download" "${guest_packages[@]}"
    step 'unpack the packages of the root filesystem' unpack_guest_packages
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
        echo '# Debian packages and their SHA-256'
        lines_of "${pinned[@]}"
        echo
        echo '# compilers'
        echo "$compiled_by"
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

    compute_keys
    # Only after the compilers are there it is known what they make.
    everything_compiled || install_compilers
    [[ -d $kernel_dir ]] || build_kernel
    [[ $goal != bzimages || -d $bzimages_dir ]] || build_bzimages
    [[ -d $rootfs_dir ]] || build_rootfs
    [[ -d $images_dir ]] || step 'put them together' assemble
    if [[ $goal == bzimages ]]; then
        link_into "$bzimages_dir" "$images_dir"
    fi
}

everything_compiled() {
    [[ -d $kernel_dir && -d $rootfs_dir && ($goal != bzimages || -d $bzimages_dir) ]]
}

complete() {
    [[ -d $images_dir ]] && { [[ $goal != bzimages ]] || [[ -e $images_dir/bzImage.gzip && -d $bzimages_dir ]]; }
}

# Takes the newest versions that apt has instead of the lock's, which stays as it is.
take_newest() {
    mkdir -p "$cache"
    start_log "$cache/pin.log"
    update_lists
    local name version selections=() moves
    while read -r name version; do
        selections+=("$name=$version")
    done < <(candidates "${pinned[@]}")
    ((${#selections[@]} == ${#pinned[@]})) || fail "apt has only ${#selections[@]} of ${#pinned[@]} packages"
    select_versions "${selections[@]}"
    check_lock
    moves=$(report_moves)
    echo "${moves:-the versions in $lock are the newest}"
}

read_lock
check_lock
link=images
case $goal in
images | bzimages) ;;
newest)
    take_newest
    link=images-newest
    ;;
keys)
    compute_keys
    printf '%s\n' "kernel $kernel_key" "rootfs $rootfs_key" "images $images_key"
    exit
    ;;
*) fail 'usage: build.sh images|bzimages|newest|keys' ;;
esac
compute_keys
complete || build
mkdir -p target
ln -sfnT "$images_dir" "target/$link"
# For programs that know no clone of this repository, such as tests of other projects.
[[ $goal == newest ]] || ln -sfnT "$images_key" "$cache/images/current"
echo "$link: $images_dir"
