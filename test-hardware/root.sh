#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# root.sh [RELEASE [PACKAGE...]]
#
# Builds the root file system of the machine in which the tests run on hardware KVM, or finds it in the cache, and
# prints the directory: root.img, vmlinuz, initrd.img, packages. RELEASE is Debian's (default: bookworm). Each PACKAGE is
# in it too.
#
# It has Debian's stock kernel and a JDK, and nothing of this project: it is built once, and tests come on a disk of
# their own. The cache, ${XDG_CACHE_HOME:-~/.cache}/microvm/hardware, has a directory for each hash of what went in.
#
# Versions are not pinned by test-images/packages.lock, as those of the guests are: it has 28 packages, this root has
# 150, which no expected result depends on. Debootstrap checks the signatures of the mirror's lists, and the file
# `packages` names the versions. To have newer ones, remove the directory.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
umask 022

readonly release=${1:-bookworm} more=("${@:2}")
readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# Five are for guests that boot from this root: without dbus, logind does nothing at the power button, and
# util-linux-extra has hwclock. The last two are for tools/agents/run and tools/clients/run.
readonly packages=linux-image-amd64,kmod,iproute2,zstd,systemd-sysv,udev,dbus,qemu-guest-agent,util-linux-extra,socat,python3
readonly size=3G
# As the XDG Base Directory Specification says, a relative path is ignored.
[[ ${XDG_CACHE_HOME:-} == /* ]] || unset XDG_CACHE_HOME
readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/microvm/hardware
jdk=$(readlink -f "$JAVA_HOME")

. ../test-images/steps.sh

key=$( (echo "$release" "${more[@]}"; cat root.sh init; cat "$jdk/release") | sha256sum | cut -c 1-16)
readonly key directory=$cache/$key

# The mirror of the release that apt of this host uses, or else Debian's own default, which debootstrap knows.
mirror() {
    apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -v release="$release" '$1 == release && $2 == "main" { print $3; exit }'
}

bootstrap() {
    # shellcheck disable=SC2046 # no mirror is no argument
    debootstrap --keyring="$keyring" --variant=minbase --include="$packages" "$release" "$work/root" $(mirror)
    # Debootstrap resolves the dependencies of few packages; apt those of any.
    if ((${#more[@]} != 0)); then
        chroot "$work/root" apt-get update
        DEBIAN_FRONTEND=noninteractive chroot "$work/root" apt-get install -y --no-install-recommends "${more[@]}"
    fi
    rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
    dpkg-query --admindir="$work/root/var/lib/dpkg" -W >"$work/image/packages"
}

# A small initrd with what this machine's disks need: the stock one takes three times as long to unpack under TCG.
make_initrd() {
    local conf=/etc/initramfs-hardware
    cp -a "$work/root/etc/initramfs-tools" "$work/root$conf"
    echo MODULES=list >>"$work/root$conf/initramfs.conf"
    printf '%s\n' virtio_pci virtio_blk ext4 >"$work/root$conf/modules"
    local version
    version=$(ls "$work/root/lib/modules")
    chroot "$work/root" mkinitramfs -d "$conf" -o /tmp/initrd.img "$version"
    mv "$work/root/tmp/initrd.img" "$work/image/initrd.img"
    cp "$work/root/boot/vmlinuz-$version" "$work/image/vmlinuz"
}

copy_jdk() {
    mkdir -p "$work/root/usr/lib/jvm"
    cp -a "$jdk" "$work/root/usr/lib/jvm/jdk"
    rm -rf "$work"/root/usr/lib/jvm/jdk/{man,jmods,include,lib/src.zip}
}

make_image() {
    install -m 755 init "$work/root/sbin/test-init"
    mkdir -p "$work/root/project" "$work/root/results"
    truncate -s "$size" "$work/image/root.img"
    mke2fs -q -t ext4 -m 0 -O ^has_journal -d "$work/root" "$work/image/root.img"
}

build() {
    if ((EUID != 0)); then
        fail 'debootstrap needs root: run this as root, or have another build the image'
    fi
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
    [[ ! -d $directory ]] || return 0
    rm -rf "$cache"/work.*
    work=$(mktemp -d "$cache/work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    chmod 755 "$work"
    mkdir "$work/image"
    start_log "$cache/build.log"
    step "Debian $release and its kernel" bootstrap
    step 'initrd' make_initrd
    step 'JDK' copy_jdk
    step 'image' make_image
    mv -T "$work/image" "$directory"
}

[[ -d $directory ]] || build >&2
echo "$directory"
