// The walker over tables of settings: unknown names, wrong types, ranges, missing settings.
#include "ctl/config_schema.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// What one setting is, for error texts.
static const char *type_words(int type)
{
	switch (type) {
	case CONFIG_TYPE_GROUP:
		return "a group { }";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "an integer";
	case CONFIG_TYPE_FLOAT:
		return "a number with a fraction";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "a boolean";
	case CONFIG_TYPE_ARRAY:
		return "an array [ ]";
	default:
		return "a list ( )";
	}
}

bool setting_is_number(const config_setting_t *setting)
{
	int type = config_setting_type(setting);

	return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

// Elements of lists and arrays have no name of their own.
static const char *name_of(const config_setting_t *setting)
{
	while (!config_setting_name(setting) && !config_setting_is_root(setting))
		setting = config_setting_parent(setting);
	return config_setting_name(setting) ? config_setting_name(setting) : "the configuration";
}

static int wrong_type(
	const struct reader *reader, const config_setting_t *setting, const char *wanted)
{
	const char *found = type_words(config_setting_type(setting));

	if (config_setting_name(setting))
		return setting_fail(reader, setting, "'%s' is %s, %s is wanted", name_of(setting),
			found, wanted);
	return setting_fail(reader, setting, "element %d of '%s' is %s, %s is wanted",
		config_setting_index(setting) + 1, name_of(setting), found, wanted);
}

int setting_string(struct reader *reader, const config_setting_t *setting, const char **text)
{
	*text = "";
	if (config_setting_type(setting) != CONFIG_TYPE_STRING)
		return wrong_type(reader, setting, "a string");
	*text = config_setting_get_string(setting);
	return 0;
}

static int out_of_range(const struct reader *reader, const config_setting_t *setting,
	long long value, const struct setting *range)
{
	if (range->hex)
		return setting_fail(reader, setting,
			"'%s' is %s0x%llx; 0x%" PRIx64 " to 0x%" PRIx64 " are allowed",
			name_of(setting), value < 0 ? "-" : "",
			value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value,
			range->min, range->max);
	return setting_fail(reader, setting, "'%s' is %lld; %" PRIu64 " to %" PRIu64 " are allowed",
		name_of(setting), value, range->min, range->max);
}

static int number_in_range(struct reader *reader, const config_setting_t *setting,
	const struct setting *range, uint64_t *value)
{
	long long found;

	*value = 0;
	if (!setting_is_number(setting))
		return wrong_type(reader, setting, "an integer");
	found = config_setting_get_int64(setting);
	if (found < 0 || (uint64_t)found < range->min || (uint64_t)found > range->max)
		return out_of_range(reader, setting, found, range);
	*value = (uint64_t)found;
	return 0;
}

int setting_number(struct reader *reader, const config_setting_t *setting, uint64_t min,
	uint64_t max, uint64_t *value)
{
	struct setting range = {.min = min, .max = max};

	return number_in_range(reader, setting, &range, value);
}

static void store(void *field, size_t octets, uint64_t value)
{
	switch (octets) {
	case 1:
		*(uint8_t *)field = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)field = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)field = (uint32_t)value;
		break;
	default:
		*(uint64_t *)field = value;
	}
}

static int read_word(struct reader *reader, const struct setting *row,
	const config_setting_t *setting, void *field)
{
	char quoted[QUOTE_TEXT], known[160] = "";
	const char *text;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	for (const struct setting_word *word = row->words; word->word; word++) {
		if (strcmp(word->word, text) == 0) {
			store(field, row->octets, word->value);
			return 0;
		}
		text_append(known, sizeof(known), "%s\"%s\"",
			known[0] ? (word[1].word ? ", " : " or ") : "", word->word);
	}
	return setting_fail(
		reader, setting, "'%s' is %s; %s is wanted", row->name, quote(text, quoted), known);
}

static int read_text(struct reader *reader, const struct setting *row,
	const config_setting_t *setting, char *field)
{
	const char *text, *wanted;
	char quoted[QUOTE_TEXT];
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	if (text[0] == '\0')
		return setting_fail(reader, setting, "'%s' is empty", row->name);
	if (strlen(text) >= row->octets)
		return setting_fail(reader, setting, "'%s' has %zu characters; %zu are allowed",
			row->name, strlen(text), row->octets - 1);
	wanted = row->wrong ? row->wrong(text) : NULL;
	if (wanted)
		return setting_fail(
			reader, setting, "'%s' is %s; %s", row->name, quote(text, quoted), wanted);
	memcpy(field, text, strlen(text) + 1);
	return 0;
}

static int read_list(struct reader *reader, const struct setting *row,
	const config_setting_t *setting, void *object)
{
	unsigned n = (unsigned)config_setting_length(setting);
	int ret = 0;

	if (n < row->min || n > row->max)
		return setting_fail(reader, setting,
			"'%s' has %u elements; %" PRIu64 " to %" PRIu64 " are allowed%s", row->name,
			n, row->min, row->max, row->required || n ? "" : ", or leave it out");
	for (unsigned i = 0; i < n && ret == 0; i++) {
		const config_setting_t *element = config_setting_get_elem(setting, i);
		void *place;

		if (!config_setting_is_group(element))
			return wrong_type(reader, element, "a group { }");
		place = row->element(reader, object, i, n);
		if (!place)
			return reader_fail(reader, setting_line(setting), ENOMEM, "no memory");
		ret = settings_read(reader, row->group, element, place);
	}
	return ret;
}

static int read_present(struct reader *reader, const struct setting *row,
	const config_setting_t *setting, void *object)
{
	void *field = (uint8_t *)object + row->offset;
	uint64_t value;
	int ret;

	switch (row->kind) {
	case SETTING_BOOL:
		if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
			return wrong_type(reader, setting, "true or false");
		store(field, row->octets, config_setting_get_bool(setting) != 0);
		return 0;
	case SETTING_NUMBER:
		ret = number_in_range(reader, setting, row, &value);
		if (ret == 0)
			store(field, row->octets, value);
		return ret;
	case SETTING_WORD:
		return read_word(reader, row, setting, field);
	case SETTING_TEXT:
		return read_text(reader, row, setting, field);
	case SETTING_GROUP:
		if (!config_setting_is_group(setting))
			return wrong_type(reader, setting, "a group { }");
		return settings_read(reader, row->group, setting, field);
	case SETTING_LIST:
		if (!config_setting_is_list(setting))
			return wrong_type(reader, setting, "a list ( ) of groups { }");
		return read_list(reader, row, setting, object);
	default:
		return row->read(reader, setting, object);
	}
}

static int read_absent(struct reader *reader, const struct setting *row,
	const config_setting_t *group, void *object)
{
	char *field = (char *)object + row->offset;

	if (row->required && row->missing)
		return setting_fail(reader, group, "%s", row->missing);
	if (row->required)
		return setting_fail(reader, group, "'%s' is missing here", row->name);
	if (!row->defaults)
		return 0;
	if (row->kind == SETTING_GROUP)
		return settings_read(reader, row->group, NULL, field);
	if (row->kind == SETTING_TEXT)
		memcpy(field, row->fallback_text, strlen(row->fallback_text) + 1);
	else
		store(field, row->octets, row->fallback);
	return 0;
}

static const struct setting *row_of(const struct settings *settings, const char *name)
{
	for (unsigned i = 0; i < settings->n; i++)
		if (strcmp(settings->row[i].name, name) == 0)
			return &settings->row[i];
	return NULL;
}

static int refuse_unknown(
	const struct reader *reader, const struct settings *settings, const config_setting_t *group)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *member = config_setting_get_elem(group, (unsigned)i);
		char known[320] = "", quoted[QUOTE_TEXT];

		if (row_of(settings, config_setting_name(member)))
			continue;
		for (unsigned k = 0; k < settings->n; k++)
			text_append(
				known, sizeof(known), "%s%s", k ? ", " : "", settings->row[k].name);
		return setting_fail(reader, member, "unknown setting %s; known here: %s",
			quote(config_setting_name(member), quoted), known);
	}
	return 0;
}

int settings_read(struct reader *reader, const struct settings *settings,
	const config_setting_t *group, void *object)
{
	int ret = group ? refuse_unknown(reader, settings, group) : 0;

	for (unsigned i = 0; i < settings->n && ret == 0; i++) {
		const struct setting *row = &settings->row[i];
		const config_setting_t *member =
			group ? config_setting_get_member(group, row->name) : NULL;

		if (row->applies && !row->applies(object)) {
			if (member)
				ret = setting_fail(
					reader, member, "'%s' %s", row->name, row->otherwise);
			continue;
		}
		ret = member ? read_present(reader, row, member, object)
			     : read_absent(reader, row, group, object);
	}
	if (ret == 0 && settings->finish)
		ret = settings->finish(reader, group, object);
	return ret;
}
