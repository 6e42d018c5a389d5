// Aligned columns.
#include "vpectl/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
	unsigned columns;
	bool right[TABLE_COLUMNS];
	size_t width[TABLE_COLUMNS];
	unsigned cells; // headers are the first row
	unsigned room;
	char **cell;
};

static void *must(void *memory)
{
	if (memory)
		return memory;
	fputs("vpectl: no memory\n", stderr);
	exit(EXIT_FAILURE);
}

static void add(struct table *table, char *text)
{
	unsigned column = table->cells % table->columns;
	size_t width = strlen(text);

	if (table->cells == table->room) {
		table->room = table->room ? table->room * 2 : 64;
		table->cell = must(reallocarray(table->cell, table->room, sizeof(char *)));
	}
	table->cell[table->cells++] = text;
	if (width > table->width[column])
		table->width[column] = width;
}

struct table *table_create(const char *headers)
{
	struct table *table = must(calloc(1, sizeof(*table)));
	const char *next = headers;

	table->columns = 1;
	for (const char *at = headers; *at; at++)
		table->columns += *at == '|';
	for (unsigned i = 0; i < table->columns && i < TABLE_COLUMNS; i++) {
		size_t length;

		table->right[i] = *next == '>';
		next += table->right[i];
		length = strcspn(next, "|");
		add(table, must(strndup(next, length)));
		next += length + 1;
	}
	return table;
}

void table_add(struct table *table, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	add(table, must(text));
}

void table_add_number(struct table *table, const json_t *number)
{
	char buf[TABLE_NUMBER];

	if (json_is_integer(number))
		table_add(table, "%s", table_number(json_integer_value(number), buf));
	else
		table_add(table, "-");
}

void table_add_text(struct table *table, const json_t *text)
{
	const char *value = json_string_value(text);

	table_add(table, "%s", value ? value : "-");
}

void table_print(struct table *table, unsigned indent)
{
	for (unsigned i = 0; i < table->cells; i++) {
		unsigned column = i % table->columns;
		bool last = column + 1 == table->columns;
		int width = (int)table->width[column];

		printf("%*s", column == 0 ? (int)indent : 2, "");
		if (table->right[column])
			printf("%*s", width, table->cell[i]);
		else
			printf("%-*s", last ? 0 : width, table->cell[i]);
		if (last)
			putchar('\n');
		free(table->cell[i]);
	}
	free(table->cell);
	free(table);
}

const char *table_number(json_int_t number, char buf[TABLE_NUMBER])
{
	char digits[TABLE_NUMBER];
	size_t n = (size_t)snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT, number);
	size_t out = 0;

	// 26 characters at most.
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && digits[i - 1] != '-' && (n - i) % 3 == 0)
			buf[out++] = ',';
		buf[out++] = digits[i];
	}
	buf[out] = '\0';
	return buf;
}

const char *table_octets(json_int_t octets, char buf[TABLE_NUMBER])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)octets / 1024;
	unsigned unit = 0;

	if (octets < 1024) {
		snprintf(buf, TABLE_NUMBER, "%" JSON_INTEGER_FORMAT " octets", octets);
		return buf;
	}
	while (value >= 1024 && unit < 5) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, TABLE_NUMBER, "%.1f %s", value, units[unit]);
	return buf;
}

void table_print_drops(const json_t *drops, unsigned indent)
{
	struct table *table;
	const json_t *drop;
	size_t i;

	if (json_array_size(drops) == 0)
		return;
	table = table_create(">dropped|reason|meaning");
	json_array_foreach(drops, i, drop)
	{
		table_add_number(table, json_object_get(drop, "packets"));
		table_add_text(table, json_object_get(drop, "reason"));
		table_add_text(table, json_object_get(drop, "text"));
	}
	table_print(table, indent);
}
