// Tables and numbers for a person's eye.
#pragma once

#include "base/compiler.h"

#include <jansson.h>
#include <stdbool.h>

#define TABLE_COLUMNS 16
#define TABLE_NUMBER 32

struct table;

// headers: separated by '|'; one that begins with '>' is for right-aligned numbers. Ends the
// program without memory.
struct table *table_create(const char *headers);
// The next cell, row by row.
void table_add(struct table *table, const char *format, ...) PRINTF_LIKE(2, 3);
// An integer with separated thousands; "-" where it is missing.
void table_add_number(struct table *table, const json_t *number);
// A string, or "-".
void table_add_text(struct table *table, const json_t *text);
// Prints with `indent` spaces in front, and frees.
void table_print(struct table *table, unsigned indent);

// 1234567 -> "1,234,567". Returns buf.
const char *table_number(json_int_t number, char buf[TABLE_NUMBER]);
// 123456 -> "120.6 KiB". Returns buf.
const char *table_octets(json_int_t octets, char buf[TABLE_NUMBER]);

// The daemon's list of drops, with the reasons' sentences; nothing for an empty list.
void table_print_drops(const json_t *drops, unsigned indent);
