// Prepares a configuration's text for libconfig: reads the file, puts included files in place and
// keeps the way back from a line to where it was written.
#include "ctl/config_source.h"

#include "base/array.h"
#include "ctl/config_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_OCTETS_MAX ((size_t)16 << 20)
#define TEXT_OCTETS_MAX ((size_t)64 << 20)
#define INCLUDE_DEPTH_MAX 8

static int expand(struct config_source *source, const char *file, unsigned depth,
	const struct cursor *from, struct error *err);

static int no_memory(const struct cursor *c)
{
	return cursor_fail(c, ENOMEM, "no memory for the configuration");
}

int source_put(const struct cursor *c, char octet)
{
	struct config_source *source = c->source;

	if (source->octets + 1 >= source->octets_room) {
		size_t room = source->octets_room ? source->octets_room * 2 : 4096;
		char *text;

		if (room > TEXT_OCTETS_MAX)
			return cursor_fail(c, EFBIG,
				"the configuration is too large; %zu MiB are allowed",
				TEXT_OCTETS_MAX >> 20);
		text = realloc(source->text, room);
		if (!text)
			return no_memory(c);
		source->text = text;
		source->octets_room = room;
	}
	source->text[source->octets++] = octet;
	source->text[source->octets] = '\0';
	return 0;
}

int source_start_line(const struct cursor *c)
{
	struct config_source *source = c->source;
	struct source_position *position =
		array_room(source->position, source->lines, &source->lines_room, sizeof(*position));

	if (!position)
		return no_memory(c);
	source->position = position;
	source->position[source->lines++] =
		(struct source_position){.file = c->file, .line = c->line};
	return 0;
}

// What follows on the text's newest line is the cursor's.
static void take_line(const struct cursor *c)
{
	c->source->position[c->source->lines - 1] =
		(struct source_position){.file = c->file, .line = c->line};
}

// `@include "NAME"`; only blanks stand before it on its line.
static int include(struct cursor *c)
{
	const char *open = c->at + strlen("@include");
	const char *close = NULL;
	char *name = NULL, *path = NULL;
	int ret;

	while (open < c->end && (*open == ' ' || *open == '\t'))
		open++;
	if (open < c->end && *open == '"')
		close = memchr(open + 1, '"', (size_t)(c->end - open - 1));
	if (!close || memchr(open, '\n', (size_t)(close - open)))
		return cursor_fail(c, EINVAL, "@include without a file; write @include \"FILE\"");
	name = strndup(open + 1, (size_t)(close - open - 1));
	path = name ? source_beside(c->source->file[0], name) : NULL;
	if (!path) {
		ret = no_memory(c);
		goto out;
	}
	ret = expand(c->source, path, c->depth + 1, c, c->err);
	if (ret < 0)
		goto out;
	c->at = close + 1;
	take_line(c);
out:
	free(path);
	free(name);
	return ret;
}

static bool at_include(const struct cursor *c)
{
	static const char word[] = "@include";
	const char *before = c->source->text + c->source->octets;

	if ((size_t)(c->end - c->at) < strlen(word) || memcmp(c->at, word, strlen(word)) != 0)
		return false;
	while (before > c->source->text && (before[-1] == ' ' || before[-1] == '\t'))
		before--;
	return before == c->source->text || before[-1] == '\n';
}

static int copy(struct cursor *c)
{
	int ret = 0;

	while (ret == 0 && c->at < c->end) {
		if (*c->at != '@')
			ret = scan_token(c);
		else if (at_include(c))
			ret = include(c);
		else
			ret = cursor_fail(c, EINVAL,
				"'@' out of place; @include stands at the start of a line");
	}
	return ret;
}

// libconfig would take a zero octet for the end of the text.
static int refuse_zero_octets(struct cursor *c)
{
	const char *zero = memchr(c->at, '\0', (size_t)(c->end - c->at));

	if (!zero)
		return 0;
	for (const char *at = c->at; at < zero; at++)
		c->line += *at == '\n';
	return cursor_fail(c, EINVAL, "a zero octet; a configuration is plain text");
}

static const char *not_readable(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "it is not a regular file";
	if ((uintmax_t)st->st_size > FILE_OCTETS_MAX)
		return "it is larger than 16 MiB";
	return NULL;
}

// Reads all of a regular file. A FIFO or a device is refused, never waited for.
static int slurp(const char *file, char **text, size_t *octets, const char **why)
{
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	ssize_t got = -1;
	int ret = 0;

	*why = NULL;
	if (fd < 0 || fstat(fd, &st) < 0)
		goto out;
	*why = not_readable(&st);
	if (*why) {
		ret = -EINVAL;
		goto out;
	}
	*text = malloc((size_t)st.st_size + 1);
	if (!*text)
		goto out;
	do {
		got = read(fd, *text + *octets, (size_t)st.st_size - *octets);
		if (got > 0)
			*octets += (size_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
out:
	if (ret == 0 && got < 0) {
		ret = -errno;
		*why = strerror(errno);
	}
	if (fd >= 0)
		close(fd);
	return ret;
}

static int add_file(struct cursor *c, const char *file)
{
	struct config_source *source = c->source;

	c->file = source->files;
	source->file[c->file] = strdup(file);
	if (!source->file[c->file])
		return error_set(c->err, ENOMEM, "%s: no memory for the configuration", file);
	source->files++;
	if (source->lines == 0)
		return source_start_line(c);
	take_line(c);
	return 0;
}

// from: the line that includes the file, NULL for the first file.
static int expand(struct config_source *source, const char *file, unsigned depth,
	const struct cursor *from, struct error *err)
{
	struct cursor c = {.source = source, .err = err, .line = 1, .depth = depth};
	const char *why;
	char *text = NULL;
	size_t octets = 0;
	int ret;

	if (depth > INCLUDE_DEPTH_MAX || source->files == SOURCE_FILES_MAX)
		return cursor_fail(from, ELOOP,
			"files include each other; %d levels and %d files are allowed",
			INCLUDE_DEPTH_MAX, SOURCE_FILES_MAX);
	ret = slurp(file, &text, &octets, &why);
	if (ret < 0 && from)
		cursor_fail(from, -ret, "cannot read the included file '%s': %s", file, why);
	else if (ret < 0)
		error_set(err, -ret, "%s: cannot read the configuration: %s", file, why);
	if (ret == 0)
		ret = add_file(&c, file);
	if (ret < 0)
		goto out;
	c.at = text;
	c.end = text + octets;
	ret = refuse_zero_octets(&c);
	if (ret == 0)
		ret = copy(&c);
	// libconfig 1.5 takes a comment only with a newline behind it.
	if (ret == 0)
		ret = source_put(&c, '\n');
	if (ret == 0)
		ret = source_start_line(&c);
out:
	free(text);
	return ret;
}

int source_read(const char *file, struct config_source *source, struct error *err)
{
	memset(source, 0, sizeof(*source));
	return expand(source, file, 0, NULL, err);
}

void source_free(struct config_source *source)
{
	for (unsigned i = 0; i < source->files; i++)
		free(source->file[i]);
	free(source->position);
	free(source->text);
	memset(source, 0, sizeof(*source));
}

static struct source_position position_of(const struct config_source *source, unsigned line)
{
	if (source->lines == 0)
		return (struct source_position){.file = 0, .line = 1};
	if (line == 0)
		line = 1;
	return source->position[line <= source->lines ? line - 1 : source->lines - 1];
}

const char *source_file(const struct config_source *source, unsigned line)
{
	return source->file[position_of(source, line).file];
}

unsigned source_line(const struct config_source *source, unsigned line)
{
	return position_of(source, line).line;
}

char *source_beside(const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');
	size_t directory = slash && name[0] != '/' ? (size_t)(slash - file) + 1 : 0;
	size_t octets = strlen(name) + 1;
	char *path = malloc(directory + octets);

	if (!path)
		return NULL;
	memcpy(path, file, directory);
	memcpy(path + directory, name, octets);
	return path;
}
