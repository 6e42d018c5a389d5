// A repeating order of values: parsing, and weights turned into an order.
#include "bench/traffic/mix.h"

#include "bench/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_MAX 64

// A value as often as its weight, or the values of a range once each.
struct item {
	uint64_t first;
	uint64_t last;
	uint64_t step;
	uint64_t weight;
};

// Cuts the text at the separator, if there is one; returns what is behind it, or NULL.
static char *cut(char *text, char separator)
{
	char *found = strchr(text, separator);

	if (found != NULL)
		*found++ = '\0';
	return found;
}

static int parse_item(char *text, uint16_t least, uint16_t most, struct item *item)
{
	char *weight = cut(text, ':');
	char *last = cut(text, '-');
	char *step = last != NULL ? cut(last, '/') : NULL;

	*item = (struct item){.step = 1, .weight = 1};
	if (weight != NULL && (last != NULL || number_parse(weight, 1, MIX_MAX, &item->weight)))
		return -EINVAL;
	if (number_parse(text, least, most, &item->first) != 0)
		return -EINVAL;
	item->last = item->first;
	if (last != NULL && number_parse(last, item->first, most, &item->last) != 0)
		return -EINVAL;
	if (step != NULL && number_parse(step, 1, most, &item->step) != 0)
		return -EINVAL;
	return 0;
}

static uint64_t slots_of(const struct item *item)
{
	return item->weight * ((item->last - item->first) / item->step + 1);
}

// Each time the value that is furthest behind its share comes next.
static void spread(const struct item *item, unsigned items, struct mix *mix)
{
	int64_t *credit = calloc(items, sizeof(*credit));
	unsigned total = mix->n;

	for (unsigned slot = 0; credit != NULL && slot < total; slot++) {
		unsigned next = 0;

		for (unsigned i = 0; i < items; i++) {
			credit[i] += (int64_t)item[i].weight;
			if (credit[i] > credit[next])
				next = i;
		}
		credit[next] -= total;
		mix->value[slot] = (uint16_t)item[next].first;
	}
	if (credit == NULL)
		mix->n = 0;
	free(credit);
}

static void in_a_row(const struct item *item, unsigned items, struct mix *mix)
{
	unsigned slot = 0;

	for (unsigned i = 0; i < items; i++) {
		for (uint64_t value = item[i].first; value <= item[i].last; value += item[i].step)
			mix->value[slot++] = (uint16_t)value;
	}
}

static int fill(const struct item *item, unsigned items, struct mix *mix)
{
	uint64_t slots = 0;
	uint64_t weights = 0;

	for (unsigned i = 0; i < items; i++) {
		slots += slots_of(&item[i]);
		weights += item[i].weight;
	}
	if (slots > MIX_MAX || (weights > items && slots > weights))
		return -ERANGE;
	mix->n = (unsigned)slots;
	if (weights == items)
		in_a_row(item, items, mix);
	else
		spread(item, items, mix);
	return mix->n == 0 ? -ENOMEM : 0;
}

int mix_parse(const char *text, uint16_t least, uint16_t most, struct mix *mix, struct error *err)
{
	struct item item[ITEMS_MAX];
	char *copy = strdup(text);
	char *next = copy;
	unsigned items = 0;
	int rc = copy == NULL ? -ENOMEM : 0;

	while (next != NULL && rc == 0) {
		char *behind = cut(next, ',');

		rc = items == ITEMS_MAX ? -ERANGE : parse_item(next, least, most, &item[items++]);
		next = behind;
	}
	if (rc == 0)
		rc = fill(item, items, mix);
	free(copy);
	if (rc == -ERANGE)
		return error_set(err, ERANGE,
			"'%s' is too long: at most %u parts and %u values, weights counted; "
			"weights and ranges do not go together",
			text, ITEMS_MAX, MIX_MAX);
	if (rc == -EINVAL)
		return error_set(err, EINVAL,
			"'%s': values from %u to %u are wanted, like 64,128 or 64:7,590:4 or "
			"64-1500/4",
			text, least, most);
	return rc;
}
