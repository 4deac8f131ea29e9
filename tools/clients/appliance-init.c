// SPDX-License-Identifier: Apache-2.0
// The first program of libguestfs' appliance. It mounts the disk whose file system has the UUID of root=UUID=..., since
// the disk's name depends on how many disks there are, and runs guestfsd there on the port of its channel. It does so
// without a shell, because each program costs a second where guest kernel code is emulated.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHANNEL "org.libguestfs.channel.0\n"
#define PORTS "/sys/class/virtio-ports"

static char line[4096];
static char wanted[40];
static int verbose;

// Says on the console how far the start has come, if libguestfs asks for that.
static void say(const char *what) {
  if (verbose) fprintf(stderr, "appliance: %s\n", what);
}

static void fail(const char *what) {
  perror(what);
  reboot(RB_AUTOBOOT);
  exit(1);
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

static void use_root(void) {
  char device[] = "/dev/vd?";
  for (device[7] = 'a'; device[7] <= 'z'; device[7]++) {
    if (!has_uuid(device)) continue;
    if (mount(device, "/root", "ext4", MS_NOATIME, "") || mount("/dev", "/root/dev", "", MS_MOVE, "") ||
        chdir("/root") || mount(".", "/", "", MS_MOVE, "") || chroot(".")) {
      fail(device);
    }
    return;
  }
  fail("no disk has this UUID");
}

static void mount_rest(void) {
  if (mount("proc", "/proc", "proc", 0, "") || mount("sys", "/sys", "sysfs", 0, "") ||
      mount("run", "/run", "tmpfs", 0, "") || mount("tmp", "/tmp", "tmpfs", 0, "")) {
    fail("mount");
  }
  mkdir("/dev/pts", 0755);
  mkdir("/dev/shm", 01777);
  mount("pts", "/dev/pts", "devpts", 0, "");
  symlink("/proc/self/fd", "/dev/fd");
  symlink("/proc/mounts", "/etc/mtab");
}

// There is no udev that would make the links by which guestfsd finds the disks in their order.
static void link_disks(void) {
  char device[] = "/dev/vd?", target[] = "../../vd?", path[] = "/dev/disk/by-path/virtio-?";
  mkdir("/dev/mapper", 0755);
  mkdir("/dev/disk", 0755);
  mkdir("/dev/disk/by-path", 0755);
  for (char letter = 'a'; letter <= 'z'; letter++) {
    device[sizeof device - 2] = target[sizeof target - 2] = path[sizeof path - 2] = letter;
    if (access(device, F_OK) == 0) symlink(target, path);
  }
}

// A page that is missing costs as much as all that are read ahead with it, and programs need few of those.
static void read_less_ahead(void) {
  char path[] = "/sys/block/vd?/queue/read_ahead_kb";
  for (char letter = 'a'; letter <= 'z'; letter++) {
    path[sizeof "/sys/block/vd" - 1] = letter;
    int fd = open(path, O_WRONLY);
    if (fd < 0) continue;
    if (write(fd, "16", 2) != 2) perror(path);
    close(fd);
  }
}

// Nor would it make /dev/virtio-ports/NAME.
static void find_port(char *path) {
  char name[300], file[600];
  DIR *ports = opendir(PORTS);
  for (struct dirent *port; ports && (port = readdir(ports));) {
    snprintf(file, sizeof file, PORTS "/%s/name", port->d_name);
    int fd = open(file, O_RDONLY);
    ssize_t length = fd < 0 ? 0 : read(fd, name, sizeof name - 1);
    if (fd >= 0) close(fd);
    if (length == sizeof CHANNEL - 1 && memcmp(name, CHANNEL, length) == 0) {
      sprintf(path, "/dev/%.250s", port->d_name);
      closedir(ports);
      return;
    }
  }
  fail("no port of libguestfs");
}

int main(void) {
  char port[300];
  mkdir("/proc", 0755);
  mkdir("/dev", 0755);
  mkdir("/root", 0755);
  if (mount("proc", "/proc", "proc", 0, "") || mount("dev", "/dev", "devtmpfs", 0, "")) fail("mount");
  int fd = open("/proc/cmdline", O_RDONLY);
  if (fd < 0 || read(fd, line, sizeof line - 1) <= 0) fail("/proc/cmdline");
  close(fd);
  verbose = strstr(line, "guestfs_verbose=1") != NULL;
  say("looks for its root");
  char *root = strstr(line, "root=UUID=");
  if (!root || sscanf(root, "root=UUID=%36s", wanted) != 1) fail("root=UUID=");
  use_root();
  say("has its root");
  mount_rest();
  read_less_ahead();
  link_disks();
  find_port(port);
  say(port);
  setenv("PATH", "/usr/sbin:/usr/bin", 1);
  pid_t daemon = fork();
  if (daemon == 0) {
    char *const argv[] = {"guestfsd", "--channel", port, verbose ? "--verbose" : NULL, NULL};
    execv("/usr/bin/guestfsd", argv);
    fail("guestfsd");
  }
  while (wait(NULL) != daemon) {
  }
  sync();
  reboot(RB_AUTOBOOT);
  return 1;
}
