/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init of the test guest: process 1, and (by name) shutdown, poweroff, reboot and halt.
 *
 * One small static program instead of shell scripts, because on hosts that emulate guest kernel code every fork,
 * exec, page fault and system call costs a tenth of a millisecond or more.
 *
 * What it does, in order: mounts, loopback, kernel events socket, ports that exist already, guest agent, the line
 * "GUEST READY" on the console, shells. After that it only reacts: to kernel events (ports are added, removed and
 * named), to children that end, and to the signals for power-off, reboot and halt.
 *
 * Options on the kernel command line:
 *   microvm.shell=0          start no shells
 *   microvm.links=udev       leave /dev to Debian's udev, as a distribution does
 *   microvm.command=port     run the program that the host names at the port COMMAND_PORT, then power off
 *   microvm.run="COMMAND"    run COMMAND with /bin/sh -c instead of shells, print "GUEST EXIT n", power off
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"

#define PORTS_CLASS	"/sys/class/virtio-ports"
#define LINKS_DIR	"/dev/virtio-ports"
#define AGENT_PORT	"org.qemu.guest_agent.0"
#define AGENT_LINK	LINKS_DIR "/" AGENT_PORT
#define COMMAND_PORT	"org.microvm.command"
#define COMMAND_LINK	LINKS_DIR "/" COMMAND_PORT
#define AGENT_LOG	"/run/qemu-ga.log"
#define PORT_GROUP	101	/* "virtio" in /etc/group */
#define PORT_MODE	0660

/* A child that ends sooner than this after its start is not restarted until this time has passed. */
#define RESPAWN_MS	1000
/* The time that processes have between SIGTERM and SIGKILL. */
#define TERM_MS		1000
/* hvc0 appears without a kernel event of its own, shortly after its port: how often and how long to check. */
#define HVC_RETRY_MS	50
#define HVC_RETRIES	40

/* The signals that busybox's init uses too. */
#define SIG_POWEROFF	SIGUSR2
#define SIG_REBOOT	SIGTERM
#define SIG_HALT	SIGUSR1

struct service {
	pid_t pid;		/* 0: not running */
	bool wanted;
	long long started_ms;
	long long not_before_ms;
	long long kill_ms;	/* when SIGKILL follows the SIGTERM that was sent; 0: none was */
};

struct port {
	struct port *next;
	char *device;		/* vport0p1 */
	char *name;		/* NULL until the host has named it */
};

static struct port *ports;
static struct service agent, console_shell, hvc_shell, run_command, host_command;
static char cmdline[4096];
static char console_tty[64] = "/dev/console";
static int hvc_retries_left;
static bool links_are_udevs;

static void say(const char *format, ...)
{
	char line[256];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (length >= (int)sizeof(line))
		length = sizeof(line) - 1;
	if (write(STDERR_FILENO, line, length) < 0)
		return;	/* there is nowhere to report the error */
}

static void complain(const char *what)
{
	say("init: %s: %s\n", what, strerror(errno));
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Reads a small file as a string without its trailing newline; false if there is none. */
static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return false;
	length = read(fd, text, size - 1);
	close(fd);
	if (length < 0)
		return false;
	if (length > 0 && text[length - 1] == '\n')
		length--;
	text[length] = 0;
	return true;
}

/*
 * The value of an option on the kernel command line, which may be quoted (the kernel passes on "key=a b" and
 * key="a b"); NULL if the option is missing. The result is allocated.
 */
static char *boot_option(const char *key)
{
	size_t key_length = strlen(key);
	const char *at = cmdline;

	while (*at) {
		bool quoted = false;
		const char *word;

		while (*at == ' ')
			at++;
		word = at;
		while (*at && (quoted || *at != ' ')) {
			if (*at == '"')
				quoted = !quoted;
			at++;
		}
		if (*word == '"')
			word++;
		if (at - word <= (ptrdiff_t)key_length || strncmp(word, key, key_length) || word[key_length] != '=')
			continue;
		word += key_length + 1;
		if (*word == '"')
			word++;
		return strndup(word, at - word - (at > word && at[-1] == '"'));
	}
	return NULL;
}

/* --- children ------------------------------------------------------------------------------------------------ */

static void default_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* After vfork the child shares our memory: it makes system calls, execs or exits, and changes nothing else. */

/* Makes the terminal this new process's controlling terminal and standard streams. */
static void take_terminal(const char *tty)
{
	int fd;

	setsid();
	fd = open(tty, O_RDWR);
	if (fd < 0)
		_exit(126);
	ioctl(fd, TIOCSCTTY, 1);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

static void exec_shell(const char *tty)
{
	take_terminal(tty);
	if (chdir("/root") < 0)
		_exit(126);
	execl("/bin/sh", "sh", NULL);
	_exit(127);
}

static void exec_agent(const char *port)
{
	int log = open(AGENT_LOG, O_WRONLY | O_CREAT | O_APPEND, 0644);

	setsid();
	if (log >= 0) {
		dup2(log, 1);
		dup2(log, 2);
		close(log);
	}
	execl("/usr/sbin/qemu-ga", "qemu-ga", "-m", "virtio-serial", "-p", port, "-t", "/run", NULL);
	_exit(127);
}

static void exec_command(const char *command)
{
	take_terminal(console_tty);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

static void exec_host_command(const char *port)
{
	if (chdir("/root") < 0)
		_exit(126);
	execl("/sbin/init", "microvm-command", port, NULL);
	_exit(127);
}

static void start(struct service *service, void (*exec)(const char *), const char *argument)
{
	service->started_ms = now_ms();
	/* vfork: no page tables to copy, and the parent continues only when the new program has started. */
	service->pid = vfork();
	if (service->pid == 0) {
		default_signals();
		exec(argument);
	}
	if (service->pid < 0) {
		complain("fork");
		service->pid = 0;
		service->not_before_ms = service->started_ms + RESPAWN_MS;
	}
}

/* The sooner of two waits in milliseconds, of which the first may be -1 for none. */
static int sooner(int wait_ms, int other_ms)
{
	return wait_ms < 0 || other_ms < wait_ms ? other_ms : wait_ms;
}

/*
 * Starts children that should run and do not, and kills those that have not ended on SIGTERM in time. Returns how long
 * until there may be more to do, -1 for never.
 */
static int start_services(void)
{
	struct {
		struct service *service;
		void (*exec)(const char *);
		const char *argument;
	} all[] = {
		{ &agent, exec_agent, AGENT_LINK },
		{ &console_shell, exec_shell, console_tty },
		{ &hvc_shell, exec_shell, "/dev/hvc0" },
	};
	int wait_ms = -1;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct service *service = all[i].service;
		long long now = now_ms();

		if (service->pid && service->kill_ms) {
			if (now >= service->kill_ms) {
				kill(service->pid, SIGKILL);
				service->kill_ms = 0;
			} else {
				wait_ms = sooner(wait_ms, service->kill_ms - now);
			}
		}
		if (!service->wanted || service->pid)
			continue;
		if (now >= service->not_before_ms)
			start(service, all[i].exec, all[i].argument);
		else
			wait_ms = sooner(wait_ms, service->not_before_ms - now);
	}
	return wait_ms;
}

/* qemu-ga 7.2 may deadlock in its SIGTERM handler, so SIGKILL follows. */
static void end_service(struct service *service)
{
	kill(service->pid, SIGTERM);
	service->kill_ms = now_ms() + TERM_MS;
}

static void ended(struct service *service, pid_t pid)
{
	if (service->pid != pid)
		return;
	service->pid = 0;
	service->kill_ms = 0;
	service->not_before_ms = service->started_ms + RESPAWN_MS;
}

/* --- shutdown ------------------------------------------------------------------------------------------------ */

static void shut_down(int how) __attribute__((noreturn));

static void shut_down(int how)
{
	long long deadline = now_ms() + TERM_MS;
	struct timespec pause = { .tv_nsec = 10 * 1000000 };

	/* Interactive shells ignore SIGTERM; SIGHUP ends them. SIGCONT lets stopped jobs receive either. */
	kill(-1, SIGTERM);
	kill(-1, SIGHUP);
	kill(-1, SIGCONT);
	while (now_ms() < deadline) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0)
			break;	/* no children left */
		if (pid == 0)
			nanosleep(&pause, NULL);
	}
	kill(-1, SIGKILL);
	sync();
	reboot(how);
	complain("reboot");
	for (;;)
		sleep(3600);
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		ended(&agent, pid);
		ended(&console_shell, pid);
		ended(&hvc_shell, pid);
		if (pid == run_command.pid) {
			say("GUEST EXIT %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
			shut_down(RB_POWER_OFF);
		}
		if (pid == host_command.pid)
			shut_down(RB_POWER_OFF);
	}
}

static void on_signal(int signal_fd)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap();
			break;
		case SIG_POWEROFF:
			shut_down(RB_POWER_OFF);
		case SIG_REBOOT:
		case SIGINT:
			shut_down(RB_AUTOBOOT);
		case SIG_HALT:
			shut_down(RB_HALT_SYSTEM);
		}
	}
}

/* --- ports --------------------------------------------------------------------------------------------------- */

static struct port *find_port(const char *device)
{
	for (struct port *port = ports; port; port = port->next)
		if (!strcmp(port->device, device))
			return port;
	return NULL;
}

/* The host chooses the names, so a slash or an unprintable character becomes an underscore in the file name. */
static void make_file_name(char *name)
{
	if (name[0] == '.')
		name[0] = '_';
	for (char *at = name; *at; at++)
		if (*at == '/' || (unsigned char)*at <= ' ' || *at == 0x7f)
			*at = '_';
}

static void watch_agent_port(const struct port *port, bool present)
{
	if (port->name && !strcmp(port->name, AGENT_PORT)) {
		agent.wanted = present;
		if (present)
			agent.not_before_ms = 0;
		else if (agent.pid)
			end_service(&agent);
	}
}

static void make_link(const struct port *port)
{
	char path[300], target[256];

	snprintf(path, sizeof(path), LINKS_DIR "/%s", port->name);
	snprintf(target, sizeof(target), "../%s", port->device);
	unlink(path);
	if (symlink(target, path) < 0)
		complain(path);
}

/* Removes a port's link, unless a newer port of the same name has taken it over. */
static bool remove_link(const struct port *port)
{
	char path[300], target[256], ours[256];
	ssize_t length;

	snprintf(path, sizeof(path), LINKS_DIR "/%s", port->name);
	snprintf(ours, sizeof(ours), "../%s", port->device);
	length = readlink(path, target, sizeof(target) - 1);
	target[length < 0 ? 0 : length] = 0;
	return !strcmp(target, ours) && unlink(path) == 0;
}

static void port_present(const char *device)
{
	char path[300], name[256];
	struct port *port = find_port(device);

	if (!port) {
		port = calloc(1, sizeof(*port));
		if (!port || !(port->device = strdup(device))) {
			complain(device);
			free(port);
			return;
		}
		port->next = ports;
		ports = port;
		snprintf(path, sizeof(path), "/dev/%s", device);
		if (!links_are_udevs && (chown(path, 0, PORT_GROUP) < 0 || chmod(path, PORT_MODE) < 0))
			complain(path);
		hvc_retries_left = HVC_RETRIES;
	}
	if (port->name)
		return;	/* a port gets its name only once */
	snprintf(path, sizeof(path), PORTS_CLASS "/%s/name", device);
	if (!read_text(path, name, sizeof(name)) || !name[0])
		return;	/* it may get its name later, with an event */
	make_file_name(name);
	port->name = strdup(name);
	if (!port->name)
		return;
	if (!links_are_udevs)
		make_link(port);
	watch_agent_port(port, true);
	if (!strcmp(port->name, COMMAND_PORT) && host_command.wanted && !host_command.pid)
		start(&host_command, exec_host_command, COMMAND_LINK);
}

static void port_gone(const char *device)
{
	for (struct port **at = &ports; *at; at = &(*at)->next) {
		struct port *port = *at;

		if (strcmp(port->device, device))
			continue;
		*at = port->next;
		if (port->name && (links_are_udevs || remove_link(port)))
			watch_agent_port(port, false);
		free(port->name);
		free(port->device);
		free(port);
		return;
	}
}

static void scan_ports(void)
{
	DIR *directory = opendir(PORTS_CLASS);
	struct dirent *entry;

	if (!directory)
		return;	/* no virtio console device */
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			port_present(entry->d_name);
	closedir(directory);
}

/* A virtconsole's terminal exists when it can be opened. */
static void look_for_hvc(void)
{
	int fd;

	if (!console_shell.wanted || hvc_shell.wanted || !hvc_retries_left) {
		hvc_retries_left = 0;
		return;
	}
	hvc_retries_left--;
	fd = open("/dev/hvc0", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	close(fd);
	hvc_shell.wanted = strcmp(console_tty, "/dev/hvc0") != 0;
	hvc_retries_left = 0;
}

static int open_events(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int size = 256 * 1024;
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		complain("kernel events");
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

/* An event is NUL-separated: "add@/devices/...", then KEY=VALUE strings. */
static void on_event(const char *event, const char *end)
{
	const char *action = NULL, *subsystem = NULL, *device = NULL;

	for (const char *at = event; at < end; at += strlen(at) + 1) {
		if (!strncmp(at, "ACTION=", 7))
			action = at + 7;
		else if (!strncmp(at, "SUBSYSTEM=", 10))
			subsystem = at + 10;
		else if (!strncmp(at, "DEVNAME=", 8))
			device = at + 8;
	}
	if (!action || !device || !subsystem || strcmp(subsystem, "virtio-ports") || strchr(device, '/'))
		return;
	if (!strcmp(action, "remove"))
		port_gone(device);
	else
		port_present(device);
}

static void on_events(int events_fd)
{
	static char buffer[8192];

	for (;;) {
		struct sockaddr_nl from;
		socklen_t from_length = sizeof(from);
		ssize_t length = recvfrom(events_fd, buffer, sizeof(buffer) - 1, 0, (struct sockaddr *)&from,
					  &from_length);

		if (length < 0 && errno == ENOBUFS) {
			scan_ports();	/* events were lost: scan the existing ports */
			continue;
		}
		if (length <= 0)
			return;
		buffer[length] = 0;
		if (from.nl_pid == 0)	/* from the kernel, not from a process */
			on_event(buffer, buffer + length);
	}
}

/* --- start-up ------------------------------------------------------------------------------------------------ */

static void must_mount(const char *type, const char *target, unsigned long flags, const char *data)
{
	if (mount(type, target, type, flags, data) < 0 && errno != EBUSY)
		complain(target);
}

static void mount_all(void)
{
	must_mount("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
	must_mount("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	must_mount("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	must_mount("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
	must_mount("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
	mkdir("/dev/pts", 0755);
	must_mount("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666");
	symlink("/proc/self/fd", "/dev/fd");
	symlink("fd/0", "/dev/stdin");
	symlink("fd/1", "/dev/stdout");
	symlink("fd/2", "/dev/stderr");
}

static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;	/* a kernel without IPv4 */
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		complain("lo");
	close(fd);
}

static void read_boot_options(void)
{
	char active[128], *shell, *command, *links, *last;

	if (!read_text("/proc/cmdline", cmdline, sizeof(cmdline)))
		complain("/proc/cmdline");
	if (read_text("/sys/class/tty/console/active", active, sizeof(active)) && active[0]) {
		last = strrchr(active, ' ');
		snprintf(console_tty, sizeof(console_tty), "/dev/%.50s", last ? last + 1 : active);
	}
	shell = boot_option("microvm.shell");
	console_shell.wanted = !shell || strcmp(shell, "0");
	free(shell);
	command = boot_option("microvm.command");
	host_command.wanted = command && !strcmp(command, "port");
	if (host_command.wanted)
		console_shell.wanted = false;
	free(command);
	links = boot_option("microvm.links");
	links_are_udevs = links && !strcmp(links, "udev");
	free(links);
	if (!links_are_udevs)
		mkdir(LINKS_DIR, 0755);
	setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "vt100", 1);
	setenv("PS1", "microvm# ", 1);
}

static int open_signals(void)
{
	sigset_t all;
	int fd;

	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	sigaddset(&all, SIGINT);
	sigaddset(&all, SIG_POWEROFF);
	sigaddset(&all, SIG_REBOOT);
	sigaddset(&all, SIG_HALT);
	sigprocmask(SIG_BLOCK, &all, NULL);
	fd = signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		complain("signalfd");
	return fd;
}

static void run_and_wait(const char *command)
{
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		default_signals();
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		complain(command);
	else if (status)
		say("init: %s: status %d\n", command, status);
}

/*
 * Handles devices as a distribution's boot does, with the rules of Debian's package, but only ports: the other
 * hundred devices would take long where kernel code is emulated.
 */
static void start_udev(void)
{
	run_and_wait("exec /lib/systemd/systemd-udevd --daemon");
	run_and_wait("udevadm trigger --action=add --subsystem-match=virtio-ports && exec udevadm settle");
}

static void init_main(void) __attribute__((noreturn));

static void init_main(void)
{
	struct pollfd sources[2];
	char *command;

	umask(022);
	mount_all();
	read_boot_options();
	sources[0] = (struct pollfd){ .fd = open_signals(), .events = POLLIN };
	sources[1] = (struct pollfd){ .fd = open_events(), .events = POLLIN };
	loopback_up();
	if (links_are_udevs)
		start_udev();
	scan_ports();

	command = boot_option("microvm.run");
	if (agent.wanted)
		start(&agent, exec_agent, AGENT_LINK);
	say("GUEST READY\n");
	if (command) {
		console_shell.wanted = false;
		start(&run_command, exec_command, command);
	}

	for (;;) {
		int timeout;

		look_for_hvc();
		timeout = start_services();
		if (hvc_retries_left && (timeout < 0 || timeout > HVC_RETRY_MS))
			timeout = HVC_RETRY_MS;
		if (poll(sources, 2, timeout) < 0 && errno != EINTR)
			complain("poll");
		if (sources[0].revents)
			on_signal(sources[0].fd);
		if (sources[1].revents)
			on_events(sources[1].fd);
	}
}

/* --- shutdown, poweroff, reboot, halt -------------------------------------------------------------------------- */

/* shutdown [-h|-P|-H|-r] [-f] [TIME [MESSAGE]]: acts at once, whatever TIME is; the last of the options counts. */
static int power_main(const char *name, int argc, char **argv)
{
	int signal_number = SIG_POWEROFF, how = RB_POWER_OFF, option;
	bool force = false;

	if (!strcmp(name, "reboot")) {
		signal_number = SIG_REBOOT;
		how = RB_AUTOBOOT;
	} else if (!strcmp(name, "halt")) {
		signal_number = SIG_HALT;
		how = RB_HALT_SYSTEM;
	}
	while ((option = getopt(argc, argv, "hPHrf")) != -1) {
		switch (option) {
		case 'h':
		case 'P':
			signal_number = SIG_POWEROFF;
			how = RB_POWER_OFF;
			break;
		case 'H':
			signal_number = SIG_HALT;
			how = RB_HALT_SYSTEM;
			break;
		case 'r':
			signal_number = SIG_REBOOT;
			how = RB_AUTOBOOT;
			break;
		case 'f':
			force = true;
			break;
		default:
			say("usage: %s [-h|-P|-H|-r] [-f]\n", name);
			return 2;
		}
	}
	if (force) {
		sync();
		reboot(how);
	} else if (kill(1, signal_number) == 0) {
		return 0;
	}
	complain(name);
	return 1;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');

	name = name ? name + 1 : argv[0];
	if (getpid() == 1)
		init_main();
	if (!strcmp(name, "microvm-command") && argc == 2)
		return command_main(argv[1]);
	if (!strcmp(name, "init")) {
		say("init: only process 1 is init\n");
		return 1;
	}
	return power_main(name, argc, argv);
}
