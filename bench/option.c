// Numbers and names among vpebench's options.
#include "bench/option.h"

#include "bench/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned option_number(const char *text, unsigned least, unsigned most)
{
	uint64_t number;

	if (number_parse(text, least, most, &number) != 0) {
		fprintf(stderr, "vpebench: '%s': a number from %u to %u is wanted\n", text, least,
			most);
		exit(2);
	}
	return (unsigned)number;
}

void option_numbers(const char *text, unsigned least, unsigned most, struct number_list *list)
{
	char *copy = strdup(text);
	char *rest = copy;

	list->n = 0;
	while (rest != NULL && list->n < NUMBER_LIST_MAX)
		list->number[list->n++] = option_number(strsep(&rest, ","), least, most);
	if (rest != NULL) {
		fprintf(stderr, "vpebench: '%s': at most %u numbers are wanted\n", text,
			NUMBER_LIST_MAX);
		exit(2);
	}
	free(copy);
}

enum aead_algorithm option_algorithm(const char *name)
{
	enum aead_algorithm algorithm;

	if (aead_by_name(name, &algorithm) != 0) {
		fprintf(stderr, "vpebench: '%s' is no algorithm\n", name);
		exit(2);
	}
	return algorithm;
}
