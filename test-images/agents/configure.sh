#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# agents/configure.sh ROOT
# Configures a root directory of Debian packages: a user, tmpfs where programs write, and without what a guest does not
# need at each boot. The units and udev rules of the agents stay as their packages have them.
#
# Where the guest's kernel is emulated, a process costs about a second. That is why the list of masked units is long.

set -euo pipefail
readonly root=$1
readonly etc=$root/etc

mask_units() {
    local unit
    for unit in "$@"; do
        ln -sfnT /dev/null "$etc/systemd/system/$unit"
    done
}

# The root is read-only, so that guests share the image: what is written at run time is in memory.
mount_table() {
    printf '%s\n' \
        'tmpfs /tmp tmpfs nosuid,nodev,mode=1777 0 0' \
        >"$etc/fstab"
    # logind's state directory, which systemd cannot make in a read-only root.
    mkdir -p "$root/var/lib/systemd/linger"
    rm -rf "$root/var/tmp"
    ln -s /tmp "$root/var/tmp"
    ln -sfnT /run/resolv.conf "$etc/resolv.conf"
}

identity() {
    echo agents >"$etc/hostname"
    echo '127.0.0.1 localhost agents' >"$etc/hosts"
    # A fixed identity: with none, systemd takes the boot for the first one.
    echo 6d6963726f766d000000000000000001 >"$etc/machine-id"
    mkdir -p "$root/var/lib/dbus"
    ln -sfnT /etc/machine-id "$root/var/lib/dbus/machine-id"
    chroot "$root" useradd --create-home --shell /bin/bash --uid 1000 agent
    chroot "$root" passwd -q -d root
    chroot "$root" passwd -q -d agent
    chown -R root:root "$root/home/agent"
    # A place that the user may write to.
    chroot "$root" usermod --home /tmp/agent agent
    echo 'd /tmp/agent 0700 agent agent' >"$etc/tmpfiles.d/guest.conf"
}

# An emulated kernel saves no AVX registers; it tells init, as ../README.md says, and init has to tell its services,
# and PAM the sessions. With hardware virtualization this only makes some functions of the C library slower.
tunables() {
    local tunables
    tunables=$(sed -n '/GLIBC_TUNABLES=/,/;/p' kernel/patches/0003-*.patch | grep -o '"[^"]*"' | tr -d '"\n')
    [[ $tunables == GLIBC_TUNABLES=*-AVX2,*-AVX_Fast_Unaligned_Load ]]
    mkdir -p "$etc/systemd/system.conf.d"
    cat >"$etc/systemd/system.conf.d/guest.conf" <<END
[Manager]
DefaultEnvironment=$tunables SYSTEMD_BUS_TIMEOUT=1h
DefaultTimeoutStartSec=infinity
END
    echo "$tunables" >>"$etc/environment"
}

# dbus-daemon drops who has not authenticated within 5 s, and sd-bus waits for answers for 25 s. Where the kernel is
# emulated on a busy host both take longer: systemd was seen to lose its connection, and no session to start.
bus() {
    cat >"$etc/dbus-1/system-local.conf" <<'END'
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <limit name="auth_timeout">3600000</limit>
  <limit name="service_start_timeout">3600000</limit>
</busconfig>
END
}

# Generators are processes too: only the one that reads fstab is needed.
generators() {
    local generator
    mkdir -p "$etc/systemd/system-generators"
    for generator in "$root"/lib/systemd/system-generators/* "$root"/usr/lib/systemd/system-generators/*; do
        generator=${generator##*/}
        [[ $generator == systemd-fstab-generator ]] ||
            ln -sfnT /dev/null "$etc/systemd/system-generators/$generator"
    done
}

# The services of systemd itself are confined by mount namespaces, of which each mount is emulated.
unconfined() {
    local service
    for service in systemd-logind systemd-udevd systemd-journald dbus; do
        mkdir -p "$etc/systemd/system/$service.service.d"
        cat >"$etc/systemd/system/$service.service.d/guest.conf" <<'END'
[Service]
PrivateTmp=no
PrivateMounts=no
ProtectSystem=no
ProtectHome=no
ProtectProc=default
ProtectControlGroups=no
ProtectKernelLogs=no
ProtectKernelModules=no
ProtectKernelTunables=no
ProtectClock=no
ProtectHostname=no
ReadWritePaths=
RestrictAddressFamilies=
RestrictNamespaces=no
WatchdogSec=0
END
    done
}

# The host's end of a port shows when the guest is ready; people see it here.
ready() {
    cat >"$etc/systemd/system/ready.service" <<'END'
[Unit]
Description=The line that says that the guest is ready
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/bin/echo GUEST READY
StandardOutput=tty
TTYPath=/dev/console
END
    mkdir -p "$etc/systemd/system/default.target.wants"
    ln -sfnT ../ready.service "$etc/systemd/system/default.target.wants/ready.service"
    ln -sfnT /lib/systemd/system/multi-user.target "$etc/systemd/system/default.target"
}

# user-runtime-dir@.service stays: logind of systemd 257 starts no session without it.
mask_units \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    systemd-tmpfiles-clean.timer e2scrub_reap.service getty@.service serial-getty@hvc0.service \
    dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount sys-fs-fuse-connections.mount \
    sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount kmod-static-nodes.service \
    systemd-ask-password-console.path systemd-ask-password-wall.path systemd-binfmt.service \
    systemd-boot-system-token.service systemd-firstboot.service systemd-hwdb-update.service \
    systemd-journal-catalog-update.service systemd-journal-flush.service systemd-machine-id-commit.service \
    systemd-modules-load.service systemd-pcrphase.service systemd-pcrphase-sysinit.service \
    systemd-pstore.service systemd-random-seed.service systemd-remount-fs.service systemd-repart.service \
    systemd-sysctl.service systemd-sysext.service systemd-sysusers.service systemd-tmpfiles-setup-dev.service \
    systemd-update-done.service systemd-update-utmp.service systemd-update-utmp-runlevel.service \
    systemd-user-sessions.service user@.service
mount_table
identity
tunables
bus
generators
unconfined
ready
