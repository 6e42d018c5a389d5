// Numbers on the command line.
#include "bench/number.h"

#include <stdio.h>
#include <stdlib.h>

static unsigned number(const char *text, unsigned most, char **end)
{
	unsigned long n = strtoul(text, end, 10);

	if (*text < '0' || *text > '9' || n == 0 || n > most) {
		fprintf(stderr, "vpebench: '%s': a number from 1 to %u is wanted\n", text, most);
		exit(2);
	}
	return (unsigned)n;
}

static void refuse_rest(const char *rest)
{
	if (*rest != '\0') {
		fprintf(stderr, "vpebench: '%s' is behind what is wanted\n", rest);
		exit(2);
	}
}

unsigned number_option(const char *text, unsigned most)
{
	char *end;
	unsigned n = number(text, most, &end);

	refuse_rest(end);
	return n;
}

void number_list_option(const char *text, unsigned most, struct number_list *list)
{
	char *end;

	list->n = 1;
	list->number[0] = number(text, most, &end);
	while (*end == ',' && list->n < NUMBER_LIST_MAX)
		list->number[list->n++] = number(end + 1, most, &end);
	refuse_rest(end);
}
