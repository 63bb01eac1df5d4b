#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# root.sh SOURCE WORK plain|booted SCRIPT: runs SCRIPT in a root of its own, with the packages in /packages. plain: no systemd runs there;
# booted: systemd runs as process 1 and SCRIPT as a service. All mounts are in a namespace of their own and end with it.
set -euo pipefail
if [ -z "${TLSPOOL_IN_NAMESPACE:-}" ]; then
  export TLSPOOL_IN_NAMESPACE=1
  if ! unshare --mount --propagation private true 2>/dev/null; then
    echo "-- this container lets nobody mount: the packages are not installed"
    exit 0
  fi
  exec unshare --mount --propagation private "$0" "$@"
fi
source=$1 work=$2 kind=$3 script=$4
say() { printf -- '-- %s\n' "$*"; }

# A layer over this machine's own root: what is written goes into memory. It has the packages that ours depend on.
layer() {
  mkdir -p "$work/layer" && mount -t tmpfs -o mode=0755 tmpfs "$work/layer" && mkdir "$work/layer/up" "$work/layer/work" "$work/layer/root" &&
    mount -t overlay -o "lowerdir=/,upperdir=$work/layer/up,workdir=$work/layer/work" overlay "$work/layer/root" 2>/dev/null || return 1
  root=$work/layer/root
}
# Debian's smallest system, by what this machine has cached and by the network.
fresh() {
  root=$work/fresh
  if [ ! -e "$root/.complete" ]; then
    command -v debootstrap >/dev/null || { say "$kind: neither overlayfs nor debootstrap is here: the packages are not installed"; exit 0; }
    debootstrap --variant=minbase --cache-dir=/var/cache/apt/archives --include=openssl,python3,systemd,procps bookworm "$root" >"$work/debootstrap.log" ||
      { tail "$work/debootstrap.log" >&2; exit 1; }
    touch "$root/.complete"
  fi
}
if [ "${TLSPOOL_PACKAGE_ROOT:-layer}" = layer ] && layer; then
  say "$kind: in a layer over this machine's root"
else
  fresh
  say "$kind: in a root by debootstrap"
fi

rm -rf "$root/etc/tlspool" "$root/var/lib/tlspool" "$root/etc/credstore.encrypted/tlspool.pin"
rm -f "$root/var/lib/man-db/auto-update"  # its trigger would read every manual page
rm -f "$root/usr/sbin/policy-rc.d"  # of container images: no service may start
mkdir -p "$root/packages" "$root/source" "$root/results"
mount --bind "$work/debs" "$root/packages"
mount --bind "$work/newer" "$root/packages-newer" 2>/dev/null || { mkdir "$root/packages-newer" && mount --bind "$work/newer" "$root/packages-newer"; }
mount --bind -o ro "$source" "$root/source"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
environment=(PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive)

if [ "$kind" = plain ]; then
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  exec unshare --uts chroot "$root" env -i "${environment[@]}" bash -euc "hostname pool.test.example; exec bash /source/$script"
fi

# Process 1 wants a tree of control groups that is its own, and devices.
mkdir -p "$work/groups"
if ! mount -t cgroup2 cgroup2 "$work/groups" 2>/dev/null || ! mkdir "$work/groups/tlspool-test-$$" 2>/dev/null; then
  say "booted: control groups can't be made here, so systemd is not started"
  exit 0
fi
group=$work/groups/tlspool-test-$$
mkdir "$group/leader"
finish() {
  for directory in $(find "$group" -depth -type d); do rmdir "$directory" 2>/dev/null || sleep 0.2; done
  [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
}
trap finish EXIT
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do touch "$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device"; done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
touch "$work/console" "$root/dev/console" && mount --bind "$work/console" "$root/dev/console"
printf '%032x\n' "$$" >"$root/etc/machine-id"
echo pool.test.example >"$root/etc/hostname"
# Nothing of this machine's services but what every boot needs.
rm -rf "$root/etc/systemd/system/multi-user.target.wants" "$root/etc/systemd/system/sockets.target.wants"
ln -sf /lib/systemd/system/basic.target "$root/etc/systemd/system/default.target"
rm -f "$root/etc/systemd/system/getty.target.wants"/* "$root/etc/systemd/system/sysinit.target.wants"/* "$root/etc/systemd/system/timers.target.wants"/*
mkdir -p "$root/etc/systemd/system/basic.target.wants"
cat >"$root/etc/systemd/system/package-test.service" <<UNIT
[Unit]
After=basic.target
[Service]
Type=oneshot
Environment=${environment[*]} HOME=/root
StandardOutput=append:/results/output
StandardError=append:/results/output
ExecStart=/bin/bash /source/$script
ExecStopPost=/bin/sh -c 'echo "\$EXIT_STATUS" >/results/status; systemctl --force exit'
TimeoutStartSec=240
UNIT
ln -s /etc/systemd/system/package-test.service "$root/etc/systemd/system/basic.target.wants/"
: >"$root/results/output"
(
  echo "$BASHPID" >"$group/leader/cgroup.procs"
  exec timeout --kill-after=5 280 unshare --cgroup --pid --fork --kill-child --uts --ipc --mount --propagation private bash -euc '
    cd "$1"
    mount -t proc proc proc
    mount -t tmpfs -o mode=0755 tmpfs sys/fs/cgroup
    umount sys/fs/cgroup
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    hostname pool.test.example
    mkdir -p old-root
    pivot_root . old-root  # a process in chroot can make no user namespace
    umount -l old-root
    mount --make-rshared /  # credentials are mounted in one namespace and seen in all
    exec env -i PATH=/usr/sbin:/usr/bin container=tlspool-test /lib/systemd/systemd --system --log-target=journal --show-status=no
  ' - "$root"
) </dev/null >"$work/boot.log" 2>&1 || true
cat "$root/results/output"
if [ ! -s "$root/results/output" ] && [ ! -e "$root/results/status" ]; then
  say "booted: systemd does not come up in this container, so nothing was tried there. Its last words:"
  tail -n 5 "$work/boot.log" "$work/console"
  exit 0
fi
[ "$(cat "$root/results/status" 2>/dev/null)" = 0 ] || { tail -n 40 "$work/boot.log" "$work/console" >&2; echo "failed: $script in the booted system" >&2; exit 1; }
