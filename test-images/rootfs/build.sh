#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rootfs/build.sh PACKAGES ROOT OUT
# Makes the guest's root directory in ROOT from the unpacked Debian packages in PACKAGES and from the files here, and
# OUT/root.img from it: a read-only, uncompressed erofs filesystem.

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../steps.sh"

readonly packages=$1 root=$2 out=$3
readonly libraries=lib/x86_64-linux-gnu

# musl: a static program of 50 KiB with hardly a system call before main. musl has no headers of the kernel's.
compile() {
    musl-gcc -static -Os -s -std=gnu11 -Wall -Wextra -Werror \
        -idirafter "$packages/usr/include" -idirafter "$packages/usr/include/x86_64-linux-gnu" \
        -o "$@"
}

compile_programs() {
    mkdir -p "$root/sbin" "$root/usr/bin"
    compile "$root/sbin/init" "$here"/{init,command}.c
    compile "$root/usr/bin/port-probe" "$here"/port-probe/*.c
    local name
    for name in shutdown poweroff reboot halt; do
        ln -s init "$root/sbin/$name"
    done
}

# The libraries a program needs, and those they need, by name.
needed_by() {
    objdump -p "$1" | awk '$1 == "NEEDED" { print $2 }'
}

copy_with_libraries() {
    local library source
    for library in $(needed_by "$1"); do
        [[ ! -e $root/$libraries/$library && $library != ld-linux* ]] || continue
        source=$(find "$packages" -name "$library" -print -quit)
        if [[ -z $source ]]; then
            echo "$1 needs $library, which none of packages.sh's guest_packages has"
            return 1
        fi
        cp -L "$source" "$root/$libraries/$library"
        copy_with_libraries "$root/$libraries/$library"
    done
}

populate() {
    local applet
    mkdir -p "$root"/{bin,dev,etc,home,lib64,mnt,proc,root,run,sys,tmp,usr/bin,usr/sbin,var/log,"$libraries"}
    ln -s /run "$root/var/run"
    ln -s /tmp "$root/var/tmp"
    cp "$here"/etc/* "$root/etc/"

    cp "$packages/usr/sbin/qemu-ga" "$root/usr/sbin/"
    copy_with_libraries "$root/usr/sbin/qemu-ga"
    cp -L "$packages/lib64/ld-linux-x86-64.so.2" "$root/lib64/"

    # udev and its rules as they are in the package, for microvm.links=udev; not its hardware database.
    cp "$packages/bin/udevadm" "$root/bin/"
    copy_with_libraries "$root/bin/udevadm"
    mkdir -p "$root/lib/systemd" "$root/lib/udev"
    cp -P "$packages/lib/systemd/systemd-udevd" "$root/lib/systemd/"
    cp -r "$packages/lib/udev/rules.d" "$root/lib/udev/"

    cp "$packages/bin/busybox" "$root/bin/"
    for applet in $("$root/bin/busybox" --list-full); do
        [[ -e $root/$applet || $applet == linuxrc ]] || ln -s /bin/busybox "$root/$applet"
    done
    # With a cache the dynamic linker does not search directories, which saves dozens of system calls.
    ldconfig -r "$root" -X
}

make_image() {
    mkdir -p "$out"
    mkfs.erofs --quiet --all-root -T 0 -U 6d696372-6f76-4d00-8000-746573740001 "$out/root.img" "$root"
}

step 'compile init and port-probe' compile_programs
step 'fill the root directory' populate
step 'make root.img' make_image
