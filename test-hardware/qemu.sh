#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Prints the QEMU to run tests with: a copy of the installed one without a fault of its SVM emulation, or the installed
# one, with a message, where the code to mend is not found (another version or compiler).
#
# The fault (helper_vmrun of target/i386, in QEMU 7.2 and still in 10.1): VMRUN with an external interrupt to inject
# delivers it, and leaves its vector in cs->exception_index as well, where it stays until the guest's next exit. If QEMU
# leaves the emulation of the processor before that (a timer with -icount, the turn of another processor), it takes the
# vector for an exception that it has still to deliver: the guest gets the interrupt twice, the second time perhaps
# with RFLAGS.IF off. Linux then waits forever for a spinlock that it holds itself.
#
# The instruction that stores the vector becomes a NOP. It is found by its neighbours:
#   mov  %r13d,error_code(%rbx)
#   mov  %esi,exception_index(%rbx)
#   movl $0,exception_is_int(%rbx)
#   movq $-1,exception_next_eip(%rbx)

set -euo pipefail
export LC_ALL=C
installed=$(readlink -f "$(command -v qemu-system-x86_64)")
# As the XDG Base Directory Specification says, a relative path is ignored.
[[ ${XDG_CACHE_HOME:-} == /* ]] || unset XDG_CACHE_HOME
readonly installed cache=${XDG_CACHE_HOME:-$HOME/.cache}/microvm/hardware/qemu
key=$(sha256sum "$installed" "${BASH_SOURCE[0]}" | sha256sum | cut -c 1-16)
# QEMU looks for its firmware and modules relative to its own directory.
readonly directory=$cache/$key mended=$cache/$key/bin/qemu-system-x86_64

mend() {
    perl -0777 -e '
        open my $in, "<:raw", $ARGV[0] or die; my $code = <$in>;
        my $found = $code =~ s/(\x44\x89\xab.{4})\x89\xb3.{4}(\xc7\x83.{4}\0{4}\x48\xc7\x83.{4}\xff{4})/$1\x66\x0f\x1f\x44\0\0$2/gs;
        exit 1 if $found != 1;
        open my $out, ">:raw", $ARGV[1] or die; print $out $code; close $out or die' "$installed" "$1"
}

if [[ ! -e $mended ]]; then
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir "$work/bin"
    ln -s "${installed%/*/*}"/{share,lib} "$work"
    if ! mend "$work/bin/qemu-system-x86_64"; then
        echo "test-hardware: QEMU is used as it is: it may deliver a guest's interrupt twice (test-hardware/qemu.sh)" >&2
        echo "$installed"
        exit
    fi
    chmod -R a+rX "$work"
    chmod 755 "$work/bin/qemu-system-x86_64"
    mv -T "$work" "$directory" 2>/dev/null || [[ -e $mended ]]
fi
echo "$mended"
