// vpebench's command lines.
#include "bench/option.h"

#include "bench/number.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void option_parse(const struct cli *cli, int argc, char **argv, void *target)
{
	struct error err;
	int rc = cli_parse_options(cli, argc, argv, target, &err);

	if (rc > 0)
		exit(EXIT_SUCCESS);
	if (rc == 0)
		return;
	fprintf(stderr, "vpebench: %s\n", err.text);
	exit(2);
}

int option_numbers(const char *text, unsigned least, unsigned most, struct number_list *list,
	struct error *err)
{
	char *copy = strdup(text);
	char *rest = copy;
	int rc = copy == NULL ? error_set(err, ENOMEM, "no memory") : 0;

	list->n = 0;
	while (rest != NULL && rc == 0) {
		const char *one = strsep(&rest, ",");
		uint64_t number = 0;

		if (list->n == NUMBER_LIST_MAX)
			rc = error_set(
				err, EINVAL, "at most %u numbers are wanted", NUMBER_LIST_MAX);
		else if (number_parse(one, least, most, &number) != 0)
			rc = error_set(err, EINVAL, "'%s': numbers from %u to %u are wanted", one,
				least, most);
		else
			list->number[list->n++] = (unsigned)number;
	}
	free(copy);
	return rc;
}

int option_algorithm(const char *name, enum aead_algorithm *algorithm, struct error *err)
{
	if (aead_by_name(name, algorithm) == 0)
		return 0;
	return error_set(err, EINVAL, "'%s' is no algorithm", name);
}
