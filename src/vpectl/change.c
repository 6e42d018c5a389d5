// Subcommands that change something: words into a request, and how it ended.
#include "vpectl/client.h"
#include "vpectl/key_argument.h"
#include "vpectl/vpectl.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct parameter *find(const struct parameter *known, const char *name, size_t octets)
{
	for (; known->name; known++)
		if (strlen(known->name) == octets && memcmp(known->name, name, octets) == 0)
			return known;
	return NULL;
}

// What takes a number may take a word too ("any", "copy"): the daemon knows.
static json_t *number_or_text(const char *value)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(value, &end, 0);
	if (errno == 0 && end != value && *end == '\0')
		return json_integer(number);
	return json_string(value);
}

static json_t *truth(const char *value)
{
	if (strcmp(value, "true") == 0)
		return json_true();
	return strcmp(value, "false") == 0 ? json_false() : NULL;
}

// "group.name" is in an object of its own.
static void set(json_t *arguments, const char *name, json_t *value)
{
	const char *dot = strchr(name, '.');
	char group[32];
	json_t *object;

	if (!dot) {
		json_object_set_new(arguments, name, value);
		return;
	}
	snprintf(group, sizeof(group), "%.*s", (int)(dot - name), name);
	object = json_object_get(arguments, group);
	if (!object) {
		object = json_object();
		json_object_set_new(arguments, group, object);
	}
	json_object_set_new(object, dot + 1, value);
}

static int add(
	json_t *arguments, const struct parameter *parameter, const char *value, struct error *err)
{
	const char *name = parameter->name;
	json_t *made = NULL;

	switch (parameter->type) {
	case PARAMETER_KEY:
		made = key_argument_read(value, err);
		if (!made)
			return -EINVAL;
		name = "key";
		break;
	case PARAMETER_NUMBER:
		made = number_or_text(value);
		break;
	case PARAMETER_TRUTH:
		made = truth(value);
		break;
	default:
		made = json_string(value);
	}
	if (!made)
		return error_set(err, EINVAL, "%s=%s: %s", name, value,
			parameter->type == PARAMETER_TRUTH ? "true or false is wanted"
							   : "it is not UTF-8");
	set(arguments, name, made);
	return 0;
}

static int unknown(const struct vpectl_command *command, const char *word, struct error *err)
{
	size_t used;

	if (strncmp(word, "key=", 4) == 0)
		return error_set(err, EINVAL,
			"keys do not belong on a command line, where others see them; put it into "
			"a "
			"file and say key_file=FILE, or key_file=- for standard input");
	error_set(err, EINVAL, "%s does not know \"%.64s\"; it takes", command->name, word);
	for (const struct parameter *known = command->parameters; known->name; known++) {
		used = strlen(err->text);
		snprintf(err->text + used, sizeof(err->text) - used, " %s=", known->name);
	}
	return -EINVAL;
}

int change_arguments(const struct vpectl_command *command, int argc, char **argv,
	json_t **arguments, struct error *err)
{
	int ret = 0;

	*arguments = json_object();
	for (int i = 0; i < argc && ret == 0; i++) {
		const char *equals = strchr(argv[i], '=');
		const struct parameter *parameter = equals
			? find(command->parameters, argv[i], (size_t)(equals - argv[i]))
			: NULL;

		ret = parameter ? add(*arguments, parameter, equals + 1, err)
				: unknown(command, argv[i], err);
	}
	if (ret == 0)
		return 0;
	json_decref(*arguments);
	*arguments = NULL;
	return ret;
}

static void print(const json_t *result)
{
	const char *separator = "";
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)result, name, value)
	{
		printf("%s%s ", separator, name);
		if (json_is_string(value))
			fputs(json_string_value(value), stdout);
		else if (json_is_integer(value) && strcmp(name, "spi") == 0)
			printf("0x%08llx", (unsigned long long)json_integer_value(value));
		else
			json_dumpf(value, stdout, JSON_ENCODE_ANY);
		separator = ", ";
	}
	putchar('\n');
}

enum vpectl_exit change(
	const struct vpectl *ctl, const struct vpectl_command *command, int argc, char **argv)
{
	struct vpectl admin = *ctl;
	struct error err;
	json_t *arguments;

	if (change_arguments(command, argc, argv, &arguments, &err) < 0) {
		fprintf(stderr, "vpectl: %s\n", err.text);
		return VPECTL_USAGE;
	}
	admin.socket = ctl->admin_socket;
	return vpectl_ask(&admin, command->name, arguments, print);
}
