// One line in, one line out: parsing, the table, and what every answer has in common.
#include "ctl/request.h"

#include "base/secret.h"
#include "ctl/api.h"
#include "ctl/session.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX (16 * 1024 * 1024)

void request_clean(char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

static const char *type_name(json_type type)
{
	switch (type) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a real number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	default:
		return "null";
	}
}

static int check_frame(json_t *request, struct error *err)
{
	static const char *const known[] = {"vped", "id", "request", "arguments"};
	const json_t *version, *arguments;
	const char *key;
	json_t *value;

	if (!json_is_object(request))
		return error_set(err, EINVAL, "a request is an object, this is %s",
			type_name(json_typeof(request)));
	json_object_foreach(request, key, value)
	{
		unsigned i = 0;

		while (i < 4 && strcmp(key, known[i]) != 0)
			i++;
		if (i == 4)
			return error_set(err, EINVAL,
				"\"%.64s\" is unknown; a request has \"vped\", \"id\", "
				"\"request\", \"arguments\"",
				key);
	}
	version = json_object_get(request, "vped");
	if (!json_is_integer(version) || json_integer_value(version) != API_VERSION)
		return error_set(
			err, EPROTO, "\"vped\" must be %d, the version spoken here", API_VERSION);
	if (!json_is_string(json_object_get(request, "request")))
		return error_set(err, EINVAL, "\"request\" must be a string");
	arguments = json_object_get(request, "arguments");
	if (arguments && !json_is_object(arguments))
		return error_set(err, EINVAL, "\"arguments\" must be an object");
	return 0;
}

const struct request *request_find(const struct request_table *table, const char *name)
{
	for (; table; table = table->more)
		for (unsigned i = 0; i < table->n; i++)
			if (strcmp(table->request[i].name, name) == 0)
				return &table->request[i];
	return NULL;
}

static int unknown(const struct request_table *table, const char *name, struct error *err)
{
	const char *separator = "";
	size_t used;

	error_set(err, ENOENT, "request \"%.64s\" is unknown; known:", name);
	for (; table; table = table->more) {
		for (unsigned i = 0; i < table->n; i++) {
			used = strlen(err->text);
			snprintf(err->text + used, sizeof(err->text) - used, "%s %s", separator,
				table->request[i].name);
			separator = ",";
		}
	}
	return -ENOENT;
}

static bool same_type(json_type a, json_type b)
{
	return a == b || (a == JSON_TRUE && b == JSON_FALSE) || (a == JSON_FALSE && b == JSON_TRUE);
}

static int check_arguments(const struct request *request, json_t *arguments, struct error *err)
{
	const char *key;
	json_t *value;

	json_object_foreach(arguments, key, value)
	{
		const struct request_argument *known = request->argument;

		while (known->name && strcmp(known->name, key) != 0)
			known++;
		if (!known->name)
			return error_set(
				err, EINVAL, "%s has no argument \"%.64s\"", request->name, key);
		if (!same_type(known->type, json_typeof(value)))
			return error_set(err, EINVAL, "%s: \"%s\" must be %s", request->name, key,
				type_name(known->type));
	}
	return 0;
}

static int run(struct session *session, const struct request *request, const json_t *arguments,
	json_t **result, struct error *err)
{
	if (request->about)
		return request->about(session, arguments, result, err);
	if (request->change)
		return session->change(session, request, arguments, result, err);
	return request->handle(session->gateway, arguments, result, err);
}

static int dispatch(struct session *session, json_t *asked, json_t **result, struct error *err)
{
	json_t *arguments = json_object_get(asked, "arguments");
	json_t *empty = NULL;
	const struct request *request;
	const char *name;
	int ret = check_frame(asked, err);

	if (ret < 0)
		return ret;
	name = json_string_value(json_object_get(asked, "request"));
	request = request_find(session->table, name);
	if (!request)
		return unknown(session->table, name, err);
	if (!arguments)
		arguments = empty = json_object();
	ret = arguments ? 0 : error_set(err, ENOMEM, "no memory");
	if (ret == 0 && !request->read_by_settings)
		ret = check_arguments(request, arguments, err);
	if (ret == 0)
		ret = run(session, request, arguments, result, err);
	json_decref(empty);
	return ret;
}

char *request_line(json_t *message, size_t *octets)
{
	char *line = message ? json_dumps(message, JSON_COMPACT) : NULL;

	json_decref(message);
	if (!line)
		return NULL;
	*octets = strlen(line) + 1;
	if (*octets > ANSWER_MAX) {
		secret_wipe(line, *octets);
		free(line);
		return NULL;
	}
	line[*octets - 1] = '\n'; // takes the place of the terminating zero
	return line;
}

char *request_encode(json_t *id, json_t *result, const char *error, size_t *octets)
{
	json_t *answer = json_pack("{s:i}", "vped", API_VERSION);

	if (id)
		json_object_set(answer, "id", id);
	if (error)
		json_object_set_new(answer, "error", json_pack("{s:s}", "text", error));
	else
		json_object_set(answer, "result", result);
	json_decref(result);
	return request_line(answer, octets);
}

char *request_answer(
	struct session *session, const char *line, size_t octets, size_t *answer_octets)
{
	struct error err = {.text = "no memory"};
	json_t *result = NULL;
	json_error_t wrong;
	json_t *asked = json_loadb(line, octets, JSON_REJECT_DUPLICATES, &wrong);
	char *answer;
	int ret;

	if (asked)
		ret = dispatch(session, asked, &result, &err);
	else
		ret = error_set(&err, EINVAL, "not JSON: octet %d: %s", wrong.position, wrong.text);
	if (ret == -EINPROGRESS) {
		session->id = json_incref(json_object_get(asked, "id"));
		json_decref(asked);
		return NULL;
	}
	request_clean(err.text);
	answer = request_encode(
		json_object_get(asked, "id"), result, ret < 0 ? err.text : NULL, answer_octets);
	if (!answer)
		answer = request_encode(json_object_get(asked, "id"), NULL,
			"the answer is too large; ask for one object by its name", answer_octets);
	json_decref(asked);
	return answer;
}

char *request_refuse(const char *text, size_t *answer_octets)
{
	return request_encode(NULL, NULL, text, answer_octets);
}
