// From JSON to libconfig's settings: objects are groups, arrays of objects lists, others arrays.
#include "ctl/change_arguments.h"

#include "ctl/gateway.h"

#include <errno.h>
#include <string.h>

#define DEPTH_MAX 4

static int add(config_setting_t *to, const char *name, const json_t *value, unsigned depth,
	struct error *err);

static int add_members(
	config_setting_t *to, const json_t *object, unsigned depth, struct error *err)
{
	const char *name;
	json_t *value;
	int ret = 0;

	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		ret = add(to, name, value, depth, err);
		if (ret < 0)
			break;
	}
	return ret;
}

static int add_elements(
	config_setting_t *to, const json_t *array, unsigned depth, struct error *err)
{
	json_t *value;
	size_t i;
	int ret = 0;

	json_array_foreach(array, i, value)
	{
		ret = add(to, NULL, value, depth, err);
		if (ret < 0)
			break;
	}
	return ret;
}

static int type_of(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return CONFIG_TYPE_GROUP;
	case JSON_ARRAY:
		return CONFIG_TYPE_LIST;
	case JSON_STRING:
		return CONFIG_TYPE_STRING;
	case JSON_INTEGER:
		return CONFIG_TYPE_INT64;
	case JSON_REAL:
		return CONFIG_TYPE_FLOAT;
	case JSON_TRUE:
	case JSON_FALSE:
		return CONFIG_TYPE_BOOL;
	default:
		return CONFIG_TYPE_NONE;
	}
}

static int add(config_setting_t *to, const char *name, const json_t *value, unsigned depth,
	struct error *err)
{
	int type = type_of(value);
	config_setting_t *made;

	if (depth > DEPTH_MAX)
		return error_set(
			err, EINVAL, "objects in objects; %d levels are allowed", DEPTH_MAX);
	if (type == CONFIG_TYPE_NONE)
		return error_set(err, EINVAL, "\"%.64s\" is null; leave it out", name ? name : "");
	made = config_setting_add(to, name, type);
	if (!made)
		return error_set(
			err, EINVAL, "\"%.64s\" is no name of a setting", name ? name : "");
	switch (type) {
	case CONFIG_TYPE_GROUP:
		return add_members(made, value, depth + 1, err);
	case CONFIG_TYPE_LIST:
		return add_elements(made, value, depth + 1, err);
	case CONFIG_TYPE_STRING:
		config_setting_set_string(
			made, name && strcmp(name, "key") == 0 ? "" : json_string_value(value));
		return 0;
	case CONFIG_TYPE_INT64:
		config_setting_set_int64(made, json_integer_value(value));
		return 0;
	case CONFIG_TYPE_FLOAT:
		config_setting_set_float(made, json_real_value(value));
		return 0;
	default:
		config_setting_set_bool(made, json_is_true(value));
		return 0;
	}
}

int change_read(const struct change *change, const json_t *arguments,
	const struct settings *settings, void *object, struct error *err)
{
	const char *key = json_string_value(json_object_get(arguments, "key"));
	struct reader reader = {
		.config = change->draft,
		.protos = change->gateway->dp->protos,
		.engines = change->gateway->dp->engines,
		.key = key ? key : "",
		.err = err,
	};
	config_t parsed;
	int ret;

	config_init(&parsed);
	ret = add_members(config_root_setting(&parsed), arguments, 0, err);
	if (ret == 0)
		ret = settings_read(&reader, settings, config_root_setting(&parsed), object);
	config_destroy(&parsed);
	return ret;
}
