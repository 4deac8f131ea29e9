/*
 * Asks the server of this user (microvm serve) to start a machine: microvm-ask LAUNCHER HOME WORD...
 *
 * The launcher runs it for `run --detach` and `restore --detach`, because a JVM would take longer to start than the
 * machine does. If there is no server, or it does not start this machine, it runs the launcher again for a process of
 * the machine. It waits until that machine runs, as Background.java does for a JVM that starts another one.
 *
 * The request and the answer are those of ServerRequest.java and ServerAnswer.java.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERSION "microvm-serve-1"
#define OWN_PROCESS 256
#define MAX_ANSWER 65536

#define FAILED 1
#define BY_SIGNAL 128
/* What a process in the background writes to standard output once its machine runs. */
#define RUNS 'R'

/* Runs the launcher without a server, with the same words; does not return. */
static void run_launcher(char **argv)
{
	char *launcher = argv[1];

	setenv("MICROVM_SERVER", "off", 1);
	argv[2] = launcher; /* instead of HOME, before the words */
	execv(launcher, argv + 2);
	fprintf(stderr, "microvm: %s: %s\n", launcher, strerror(errno));
	_exit(FAILED);
}

/* Whether the option --detach is among the words; words after -- are those of a command. */
static int is_detached(char **words)
{
	for (; *words && strcmp(*words, "--") != 0; words++)
		if (strcmp(*words, "--detach") == 0)
			return 1;
	return 0;
}

/* The process in the background: it inherits standard error until it has a log. */
static void run_detached(char **argv, int output)
{
	int null = open("/dev/null", O_RDONLY);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0) {
		fprintf(stderr, "microvm: /dev/null: %s\n", strerror(errno));
		_exit(FAILED);
	}
	/* A descriptor of the caller, such as that of a lock, would stay open as long as the machine runs. */
	close_range(STDERR_FILENO + 1, ~0U, 0);
	setenv("MICROVM_DETACHED", "yes", 1);
	run_launcher(argv);
}

/* Copies to standard error what the JVM says on standard output when it fails, such as that memory is short. */
static void copy_message(char first, int input)
{
	char text[4096];
	ssize_t count = 1;

	text[0] = first;
	do {
		if (count > 0 && write(STDERR_FILENO, text, count) < 0)
			return;
		count = read(input, text, sizeof(text));
	} while (count > 0 || (count < 0 && errno == EINTR));
}

/* Starts a process for the machine, and returns the status of this one once the machine runs or the process ended. */
static int own_process(char **argv)
{
	int output[2];
	int status;
	char byte;
	pid_t child;
	ssize_t count;

	if (!is_detached(argv + 3))
		run_launcher(argv);
	/* If the caller ignored it, the kernel would discard the status of the child. */
	signal(SIGCHLD, SIG_DFL);
	if (pipe2(output, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		fprintf(stderr, "microvm: no process can be started: %s\n", strerror(errno));
		return FAILED;
	}
	if (child == 0)
		run_detached(argv, output[1]);
	close(output[1]);
	do
		count = read(output[0], &byte, 1);
	while (count < 0 && errno == EINTR);
	if (count == 1 && byte == RUNS)
		return 0;
	if (count == 1)
		copy_message(byte, output[0]);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return FAILED;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	fprintf(stderr, "microvm: the process of the machine was ended by signal %d (%s)\n", WTERMSIG(status),
		strsignal(WTERMSIG(status)));
	return BY_SIGNAL + WTERMSIG(status);
}

static int is_usable(const char *directory)
{
	struct stat st;

	return directory[0] == '/' && stat(directory, &st) == 0 && S_ISDIR(st.st_mode) && access(directory, W_OK) == 0;
}

/* The path of the socket, as RuntimeDirectory.java finds its directory; 0 if it is too long. */
static int find(char *path, size_t size)
{
	const char *given = getenv("XDG_RUNTIME_DIR");
	unsigned user = geteuid();
	char run[64];
	int length;

	snprintf(run, sizeof(run), "/run/user/%u", user);
	if (given && is_usable(given))
		length = snprintf(path, size, "%s/microvm/.serve.sock", given);
	else if (is_usable(run))
		length = snprintf(path, size, "%s/microvm/.serve.sock", run);
	else
		length = snprintf(path, size, "/tmp/microvm-%u/.serve.sock", user);
	return length > 0 && (size_t)length < size;
}

/* Connects to the server; -1 if there is none of this user. */
static int connect_server(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int fd;

	if (!find(address.sun_path, sizeof(address.sun_path)))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == geteuid() || peer.uid == 0))
		return fd;
	close(fd);
	return -1;
}

/* Sends a word with its zero byte; 0 if the server is gone. */
static int put(int fd, const char *word)
{
	size_t left = strlen(word) + 1;

	while (left > 0) {
		ssize_t count = send(fd, word, left, MSG_NOSIGNAL);

		if (count < 0 && errno != EINTR)
			return 0;
		if (count > 0) {
			word += count;
			left -= count;
		}
	}
	return 1;
}

int main(int argc, char **argv)
{
	static char answer[MAX_ANSWER + 1];
	char directory[4096];
	size_t length = 0;
	char *end;
	long status;
	int fd, i;

	if (argc < 4) {
		fprintf(stderr, "microvm-ask: for the launcher only\n");
		return 2;
	}
	fd = getcwd(directory, sizeof(directory)) ? connect_server() : -1;
	if (fd < 0)
		return own_process(argv);
	if (put(fd, VERSION) && put(fd, argv[2]) && put(fd, directory))
		for (i = 3; i < argc && put(fd, argv[i]); i++)
			;
	shutdown(fd, SHUT_WR);
	while (length < MAX_ANSWER) {
		ssize_t count = read(fd, answer + length, MAX_ANSWER - length);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		length += count;
	}
	answer[length] = 0;
	status = strtol(answer, &end, 10);
	if (end == answer || *end != '\n') {
		fprintf(stderr, "microvm: the server of this user ended before it had answered; the machine may not run\n");
		return FAILED;
	}
	if (status == OWN_PROCESS) {
		close(fd);
		return own_process(argv);
	}
	fputs(end + 1, stderr);
	return (int)status;
}
