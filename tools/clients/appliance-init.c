// SPDX-License-Identifier: Apache-2.0
// The first program of libguestfs' appliance: mounts the disk whose file system has the UUID of root=UUID=..., and
// starts /init there. libguestfs knows the disk by its UUID, because its name depends on how many disks there are.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char wanted[40];

static int fail(const char *what) {
  perror(what);
  return 1;
}

// The UUID of an ext2 or ext4 file system, at byte 104 of the superblock, as text.
static int has_uuid(const char *device) {
  unsigned char uuid[16];
  char text[40] = "", *at = text;
  int fd = open(device, O_RDONLY);
  int ok = fd >= 0 && pread(fd, uuid, sizeof uuid, 1024 + 104) == sizeof uuid;
  if (fd >= 0) close(fd);
  for (int i = 0; ok && i < 16; i++) {
    at += sprintf(at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", uuid[i]);
  }
  return ok && strcmp(text, wanted) == 0;
}

int main(void) {
  static char line[4096];
  mkdir("/proc", 0755);
  mkdir("/dev", 0755);
  mkdir("/root", 0755);
  if (mount("proc", "/proc", "proc", 0, "") || mount("dev", "/dev", "devtmpfs", 0, "")) return fail("mount");
  int fd = open("/proc/cmdline", O_RDONLY);
  if (fd < 0 || read(fd, line, sizeof line - 1) <= 0) return fail("/proc/cmdline");
  char *root = strstr(line, "root=UUID=");
  if (!root || sscanf(root, "root=UUID=%36s", wanted) != 1) return fail("root=UUID=");
  for (char letter = 'a'; letter <= 'z'; letter++) {
    char device[] = "/dev/vd?";
    device[7] = letter;
    if (!has_uuid(device)) continue;
    if (mount(device, "/root", "ext4", MS_NOATIME, "")) return fail(device);
    umount("/proc");
    if (mount("/dev", "/root/dev", "", MS_MOVE, "") || chdir("/root") || mount(".", "/", "", MS_MOVE, "") ||
        chroot(".")) {
      return fail("root");
    }
    char *const argv[] = {"/init", NULL};
    execv(argv[0], argv);
    return fail(argv[0]);
  }
  return fail("no disk has this UUID");
}
