// Many changes at once: the daemon keeps them until all are there, then takes all or none.
#include "ctl/api.h"
#include "vpectl/client.h"
#include "vpectl/vpectl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 32
// Requests that may be on their way before their answers are read.
#define AHEAD_MAX 64

struct reading {
	struct client client;
	const char *file;
	unsigned line;
	unsigned ahead;
	struct error err;
	enum vpectl_exit status;
};

// Splits at blanks; "quotation marks" keep a word together; # begins a comment.
static int split(char *line, char *word[WORDS_MAX])
{
	char *to = line;
	int n = 0;

	for (;;) {
		bool quoted = false;

		line += strspn(line, " \t\r\n");
		if (*line == '\0' || *line == '#')
			return n;
		if (n == WORDS_MAX)
			return -1;
		word[n++] = to;
		for (; *line && (quoted || !strchr(" \t\r\n", *line)); line++) {
			if (*line == '"')
				quoted = !quoted;
			else
				*to++ = *line;
		}
		if (quoted)
			return -1;
		line += *line != '\0';
		*to++ = '\0';
	}
}

static int complain(struct reading *r, const char *text)
{
	r->status = VPECTL_USAGE;
	return error_set(&r->err, EINVAL, "%s:%u: %s", r->file, r->line, text);
}

static int receive(struct reading *r)
{
	json_t *answer, *result = NULL;
	int ret = client_receive(&r->client, false, &answer, &r->err);

	if (ret < 0)
		return ret;
	r->ahead--;
	ret = client_judge(answer, &result, &r->err);
	json_decref(result);
	json_decref(answer);
	return ret;
}

static int send(struct reading *r, const char *request, json_t *arguments)
{
	int ret = client_send(&r->client, request, arguments, &r->err);

	r->ahead++;
	while (ret == 0 && r->ahead > AHEAD_MAX)
		ret = receive(r);
	return ret;
}

static int take_line(struct reading *r, char *line)
{
	const struct vpectl_command *command;
	char *word[WORDS_MAX];
	json_t *arguments;
	int n = split(line, word);
	int ret;

	if (n <= 0)
		return n < 0
			? complain(r, "a quotation mark is missing, or there are too many words")
			: 0;
	command = vpectl_find(word[0]);
	if (!command || !command->parameters)
		return complain(r, "is no change; see vpectl --help");
	if (change_arguments(command, n - 1, word + 1, &arguments, &r->err) < 0) {
		error_prefix(&r->err, "%s:%u: ", r->file, r->line);
		r->status = VPECTL_USAGE;
		return -EINVAL;
	}
	ret = send(r, command->name, arguments);
	json_decref(arguments);
	return ret;
}

static int run(struct reading *r, FILE *input)
{
	char *line = NULL;
	size_t room = 0;
	int ret = send(r, API_BEGIN, NULL);

	while (ret == 0 && getline(&line, &room, input) >= 0) {
		r->line++;
		ret = take_line(r, line);
	}
	free(line);
	if (ret == 0 && ferror(input))
		ret = complain(r, "cannot be read");
	while (ret == 0 && r->ahead > 0)
		ret = receive(r);
	return ret;
}

static enum vpectl_exit finish(const struct vpectl *ctl, struct reading *r)
{
	json_t *answer = NULL, *result = NULL;
	int ret = client_send(&r->client, API_COMMIT, NULL, &r->err);

	if (ret == 0)
		ret = client_receive(&r->client, true, &answer, &r->err);
	if (ret == 0)
		ret = client_judge(answer, &result, &r->err);
	if (ret < 0) {
		json_decref(answer);
		return vpectl_fail(ret, &r->err);
	}
	if (ctl->json)
		vpectl_print_json(result);
	else
		printf("%zu changes are in force\n",
			json_array_size(json_object_get(result, "results")));
	json_decref(result);
	json_decref(answer);
	return VPECTL_OK;
}

enum vpectl_exit batch(const struct vpectl *ctl, const char *file)
{
	bool is_stdin = strcmp(file, "-") == 0;
	FILE *input = is_stdin ? stdin : fopen(file, "re");
	struct reading r = {.file = is_stdin ? "standard input" : file};
	enum vpectl_exit status;
	int ret;

	if (!input) {
		fprintf(stderr, "vpectl: %s: %s\n", file, strerror(errno));
		return VPECTL_USAGE;
	}
	ret = client_open(&r.client, ctl->admin_socket, &r.err);
	if (ret == 0)
		ret = run(&r, input);
	// The daemon forgets what is not committed.
	status = ret == 0 ? finish(ctl, &r) : vpectl_fail(ret, &r.err);
	if (ret < 0 && r.status != VPECTL_OK)
		status = r.status;
	client_close(&r.client);
	if (!is_stdin)
		fclose(input);
	return status;
}
