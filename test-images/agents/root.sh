#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# agents/root.sh [RELEASE]
# Builds the guest of the real agents, or finds it in the cache, and points target/agents (target/agents-RELEASE for a
# release other than Debian 12) at it: root.img, Debian with systemd as init and the agents from their packages;
# vmlinux, the project's kernel with the options of kernel.config and the patches of patches/; cmdline; packages, the
# versions.
#
# The cache, ${XDG_CACHE_HOME:-~/.cache}/microvm/agents, has a directory for each hash of what went in: kernels,
# unpacked packages (a tar file), and images. Versions of packages are those that the mirror has when the tar file is
# made. To have newer ones, remove it.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
umask 022

# As the XDG Base Directory Specification says, a relative path is ignored.
[[ ${XDG_CACHE_HOME:-} == /* ]] || unset XDG_CACHE_HOME
cache=${XDG_CACHE_HOME:-$HOME/.cache}/microvm
readonly suite=${1:-bookworm}
readonly agents=$cache/agents
readonly size=1G
readonly cmdline='earlyprintk=ttyS0 console=ttyS0 root=/dev/vda rootfstype=ext4 ro tsc=nowatchdog quiet systemd.show_status=0'

. ./steps.sh
. ./packages.sh
. ./apt.sh

hash_of() {
    sha256sum | cut -c 1-16
}

# The words of a file without comments.
words_of() {
    sed 's/#.*//' "$1" | xargs
}

compute_keys() {
    kernel_key=$( (
        sha256sum kernel/build.sh kernel/config kernel/patches/*.patch agents/kernel.config agents/patches/*.patch
        lines_of "$source_package"
        compiler_versions | grep -E '^(gcc|gcc-12|binutils) '
    ) | hash_of)
    packages_key=$(echo "$suite $(words_of agents/packages) $(sed -n '/^bootstrap()/,/^}/p' agents/root.sh)" | hash_of)
    images_key=$( (
        echo "$kernel_key $packages_key"
        find agents -type f | sort | xargs sha256sum
    ) | hash_of)
    kernel_dir=$agents/kernel-$kernel_key
    packages_tar=$agents/$suite-$packages_key.tar
    images_dir=$agents/images-$images_key
}

# The recipe of the project's kernel with more patches and another configuration: an option here takes the place of the
# one there.
build_kernel() {
    fetch_packages "$work/download" "$source_package"
    mkdir "$work/recipe"
    cp -r steps.sh kernel "$work/recipe/"
    cp agents/patches/*.patch "$work/recipe/kernel/patches/"
    awk 'function name(line) {
            if (line ~ /^CONFIG_/) return substr(line, 1, index(line, "=") - 1)
            if (line ~ /^# CONFIG_.* is not set$/) return $2
            return ""
        }
        FNR == NR { if (name($0)) over[name($0)]; text = text "\n" $0; next }
        !(name($0) in over)
        END { print text }' agents/kernel.config kernel/config >"$work/recipe/kernel/config"
    "$work/recipe/kernel/build.sh" vmlinux "$(deb_of "$source_package")" "$work/kernel-build" "$work/kernel"
    rm -rf "$work/kernel-build"
    mv -T "$work/kernel" "$kernel_dir"
}

# The mirror of the release that apt of this host uses, or else of any other release, or else mmdebstrap's default.
mirror() {
    apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -v suite="$suite" '$2 == "main" && $1 !~ /-/ { if ($1 == suite) { print $3; exit } }'
}

bootstrap() {
    # shellcheck disable=SC2046 # no mirror is no argument
    mmdebstrap --mode=root --variant=minbase --include="$(words_of agents/packages | tr ' ' ',')" \
        --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        "$suite" "$work/packages.tar" $(mirror)
    mv "$work/packages.tar" "$packages_tar"
}

make_image() {
    local root=$work/root image=$work/image name
    mkdir "$root" "$image"
    tar -x -f "$packages_tar" -C "$root" --exclude='./dev/*'
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
    agents/configure.sh "$root"
    truncate -s "$size" "$image/root.img"
    mke2fs -q -t ext4 -m 0 -O ^has_journal,^metadata_csum -E lazy_itable_init=1 -d "$root" "$image/root.img"
    dpkg-query --admindir="$root/var/lib/dpkg" -W >"$image/packages"
    echo "$cmdline" >"$image/cmdline"
    cp -l "$kernel_dir"/* "$image/"
    mv -T "$image" "$images_dir"
}

build() {
    ((EUID == 0)) || fail 'the root of Debian packages can only be built by root'
    mkdir -p "$agents"
    exec 9>"$agents/lock"
    if ! flock -n 9; then
        echo "another build is running; waiting for it ($agents/lock)"
        flock 9
    fi
    [[ ! -d $images_dir ]] || return 0
    rm -rf "$agents"/work.*
    work=$(mktemp -d "$agents/work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    chmod 755 "$work"
    start_log "$agents/build.log"
    install_packages "${compilers[@]}" make bc bison flex libelf-dev libssl-dev xz-utils patch mmdebstrap e2fsprogs
    compute_keys
    [[ -d $kernel_dir ]] || build_kernel
    [[ -e $packages_tar ]] || step "Debian $suite and the agents" bootstrap
    step 'root.img' make_image
}

read_lock
check_lock
compute_keys
[[ -d $images_dir ]] || build
link=agents
[[ $suite == bookworm ]] || link=agents-$suite
mkdir -p target
ln -sfnT "$images_dir" "target/$link"
echo "$link: $images_dir"
