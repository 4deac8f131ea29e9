/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on named files, users, other programs and kernel events. */
#define _GNU_SOURCE
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_BYTES	2048

static int events_fd = -1;

/* stat PATH: answers with octal mode, user and group; follows links */
static void call_stat(const struct args *args)
{
	struct stat status;

	if (stat(text(args, 0), &status) < 0)
		answer_error(0);
	else
		answer("ok %o %d %d", status.st_mode & 07777, status.st_uid, status.st_gid);
}

/* link PATH: answers with the target of a symbolic link */
static void call_link(const struct args *args)
{
	char target[256];
	ssize_t length = readlink(text(args, 0), target, sizeof(target));

	if (length < 0)
		answer_error(0);
	else
		answer_bytes(target, length);
}

/* list PATH: answers with the names in a directory, one per line */
static void call_list(const struct args *args)
{
	char names[MOST_BYTES];
	size_t length = 0;
	DIR *directory = opendir(text(args, 0));
	struct dirent *entry;

	if (!directory) {
		answer_error(0);
		return;
	}
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.' && length + strlen(entry->d_name) + 1 < sizeof(names))
			length += sprintf(names + length, "%s\n", entry->d_name);
	closedir(directory);
	answer_bytes(names, length);
}

/* exists PATH 0|1: waits until the path exists (1) or does not (0) */
static void call_exists(const struct args *args)
{
	struct timespec pause = { .tv_nsec = 2 * 1000000 };
	struct stat status;

	while ((lstat(text(args, 0), &status) == 0) != (number(args, 1) != 0))
		nanosleep(&pause, NULL);
	answer("ok");
}

/* user UID GID: switches to this user, with this group only */
static void call_user(const struct args *args)
{
	gid_t group = number(args, 1);

	if (setgroups(1, &group) < 0 || setgid(group) < 0 || setuid(number(args, 0)) < 0)
		answer_error(0);
	else
		answer("ok");
}

static int start_shell(const char *command, int output)
{
	int pid = fork();
	sigset_t none;

	if (pid == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		if (output >= 0) {
			dup2(output, 1);
			dup2(output, 2);
		}
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	return pid;
}

/* shell COMMAND: answers with the command's output, without its status */
static void call_shell(const struct args *args)
{
	char output[MOST_BYTES];
	size_t length = 0;
	ssize_t got;
	int ends[2], pid;

	if (pipe(ends) < 0) {
		answer_error(0);
		return;
	}
	pid = start_shell(text(args, 0), ends[1]);
	close(ends[1]);
	while ((got = read(ends[0], output + length, sizeof(output) - length)) > 0)
		length += got;
	close(ends[0]);
	waitpid(pid, NULL, 0);
	answer_bytes(output, length);
}

/* spawn COMMAND: starts the command without waiting; answers with its process number */
static void call_spawn(const struct args *args)
{
	answer("ok %d", start_shell(text(args, 0), -1));
}

/* uevents: collects the kernel's events from now on */
static void call_uevents(const struct args *args)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };

	(void)args;
	events_fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (events_fd < 0 || bind(events_fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		answer_error(0);
	else
		answer("ok");
}

/* uevent: answers with the next event about a port, for example "add vport0p1" */
static void call_uevent(const struct args *args)
{
	char event[4096];
	ssize_t length;

	(void)args;
	while ((length = recv(events_fd, event, sizeof(event) - 1, 0)) > 0) {
		const char *action = "", *subsystem = "", *device = "";

		event[length] = 0;
		for (const char *at = event; at < event + length; at += strlen(at) + 1) {
			if (!strncmp(at, "ACTION=", 7))
				action = at + 7;
			else if (!strncmp(at, "SUBSYSTEM=", 10))
				subsystem = at + 10;
			else if (!strncmp(at, "DEVNAME=", 8))
				device = at + 8;
		}
		if (!strcmp(subsystem, "virtio-ports")) {
			answer("ok %s %s", action, device);
			return;
		}
	}
	answer_error(0);
}

const struct call system_calls[] = {
	{ "stat", call_stat },
	{ "link", call_link },
	{ "list", call_list },
	{ "exists", call_exists },
	{ "user", call_user },
	{ "shell", call_shell },
	{ "spawn", call_spawn },
	{ "uevents", call_uevents },
	{ "uevent", call_uevent },
	{ 0 },
};
