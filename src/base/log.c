// One event, one line, one write(2): lines of two threads do not mix.
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Less than PIPE_BUF, so that a pipe takes a line whole.
#define LINE_OCTETS 2048

static const struct {
	const char *name;
	unsigned priority; // syslog(3)
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", 3},
	[LOG_LEVEL_WARNING] = {"warning", 4},
	[LOG_LEVEL_NOTICE] = {"notice", 5},
	[LOG_LEVEL_DEBUG] = {"debug", 7},
};

// Written by log_init before there are threads, read by all.
static enum log_level highest = LOG_LEVEL_NOTICE;
static bool journal;

// JOURNAL_STREAM is "device:inode" of the journal's socket (systemd.exec(5)). A child whose stderr
// was sent elsewhere inherits the variable but not the socket.
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(ours, sizeof(ours), "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

void log_init(enum log_level level)
{
	highest = level;
	journal = stderr_is_journal();
}

// A name from outside cannot start a line of its own or steer a terminal.
static void flatten(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
}

static void write_all(const char *line, size_t octets)
{
	while (octets > 0) {
		ssize_t written = write(STDERR_FILENO, line, octets);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return;
		line += written;
		octets -= (size_t)written;
	}
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LINE_OCTETS];
	int saved_errno = errno;
	va_list arguments;
	size_t used;

	if (level > highest)
		return;
	if (journal)
		snprintf(line, sizeof(line), "<%u>", levels[level].priority);
	else
		snprintf(line, sizeof(line), "%.64s: %s: ", program_invocation_short_name,
			levels[level].name);
	used = strlen(line);
	va_start(arguments, format);
	vsnprintf(line + used, sizeof(line) - used - 1, format, arguments);
	va_end(arguments);
	flatten(line);
	used = strlen(line);
	line[used] = '\n';
	write_all(line, used + 1);
	errno = saved_errno;
}
