// vpebench's command lines (bench/cli.h), and the values that only they have.
#pragma once

#include "bench/cli.h"
#include "crypto/aead.h"

#define NUMBER_LIST_MAX 32

struct number_list {
	unsigned n;
	unsigned number[NUMBER_LIST_MAX];
};

// Of a row: a member of the target.
#define OPTION_AT(type, member) .at = offsetof(type, member)
#define OPTION_UNSIGNED(type, member, from, to) \
	.kind = CLI_UNSIGNED, OPTION_AT(type, member), .least = (from), .most = (to)

// argv[0] is the subcommand. Ends the program where help was asked for, or where something is
// wrong, with a word of it.
void option_parse(const struct cli *cli, int argc, char **argv, void *target);
// For rows with a set(). Several with commas between; 0 or -EINVAL.
int option_numbers(const char *text, unsigned least, unsigned most, struct number_list *list,
	struct error *err);
int option_algorithm(const char *name, enum aead_algorithm *algorithm, struct error *err);
