#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kernel/build.sh vmlinux|bzimages DEB BUILD OUT
# Unpacks Debian's kernel source from the package file DEB into BUILD, patches, configures and compiles it there, and
# puts into OUT
#   vmlinux:   vmlinux (no debug information, no symbols), vmlinux.sym is left out: System.map has the symbols; config
#   bzimages:  bzImage.gzip, bzImage.xz, bzImage.lz4, bzImage.zstd

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../steps.sh"

readonly product=$1 deb=$2 build=$3 out=$4
readonly tree=$build/linux-source-6.1

# Nothing that changes from build to build goes into the kernel's banner.
export KBUILD_BUILD_USER=microvm KBUILD_BUILD_HOST=microvm KBUILD_BUILD_VERSION=1
export KBUILD_BUILD_TIMESTAMP='2026-01-01 00:00:00 UTC'

# Other architectures' and most drivers' sources are a third of the unpacking time. Kconfig reads all Kconfig files.
unpack() {
    mkdir -p "$build"
    cd "$build"
    dpkg-deb --fsys-tarfile "$deb" | tar xOf - ./usr/src/linux-source-6.1.tar.xz | xz -T0 -dc |
        tar xf - --anchored --wildcards \
        --exclude='linux-source-6.1/Documentation/*/*' \
        --exclude='linux-source-6.1/arch/[!x]*.[chS]' \
        --exclude='linux-source-6.1/arch/[!x]*.dts*' \
        --exclude='linux-source-6.1/arch/xtensa/*.[chS]' \
        --exclude='linux-source-6.1/arch/*/configs/*' \
        --exclude='linux-source-6.1/drivers/[d-eg-hj-mo-qsu]*.[chS]' \
        --exclude='linux-source-6.1/drivers/net/[e-u]*/*.[chS]' \
        --exclude='linux-source-6.1/samples/*.[chS]' \
        --exclude='linux-source-6.1/sound/*.[chS]' \
        --exclude='linux-source-6.1/tools/perf/*' \
        --exclude='linux-source-6.1/tools/testing/*'
}

apply_patches() {
    local patch
    cd "$tree"
    for patch in "$here"/patches/*.patch; do
        echo "$patch"
        patch -p1 --no-backup-if-mismatch <"$patch"
    done
}

# Kconfig silently drops what it does not know or cannot do: a fragment line that did not take effect is an error.
check_config() {
    local line name bad=0
    while read -r line; do
        case $line in
        CONFIG_*=*)
            grep -qxF "$line" .config || { echo "not in effect: $line"; bad=1; } ;;
        '# CONFIG_'*' is not set')
            name=${line#'# '}
            name=${name%% *}
            ! grep -q "^$name=" .config || { echo "not in effect: $line"; bad=1; } ;;
        esac
    done <"$here/config"
    return $bad
}

configure() {
    cd "$tree"
    make tinyconfig
    ./scripts/kconfig/merge_config.sh -m .config "$here/config"
    make olddefconfig
    check_config
}

compile() {
    cd "$tree"
    make -s -j"$(nproc)" vmlinux
}

collect_vmlinux() {
    mkdir -p "$out"
    strip --strip-all -o "$out/vmlinux" "$tree/vmlinux"
    cp "$tree/System.map" "$out/System.map"
    cp "$tree/.config" "$out/config"
}

# Only the compressor and the decompressor in arch/x86/boot are made again for each.
make_bzimage() {
    cd "$tree"
    ./scripts/config --disable KERNEL_GZIP --disable KERNEL_XZ --disable KERNEL_LZ4 --disable KERNEL_ZSTD \
        --enable "KERNEL_${1^^}"
    make -s olddefconfig
    make -s -j"$(nproc)" bzImage
    mkdir -p "$out"
    cp arch/x86/boot/bzImage "$out/bzImage.$1"
}

step 'unpack the kernel source' unpack
step 'patch it' apply_patches
step 'configure it' configure
step "compile it with $(nproc) jobs" compile
if [[ $product == vmlinux ]]; then
    step 'strip it' collect_vmlinux
else
    for compression in gzip xz lz4 zstd; do
        step "bzImage.$compression" make_bzimage "$compression"
    done
fi
