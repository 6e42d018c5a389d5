// Rates, read and turned into a schedule.
#include "bench/traffic/pace.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define RATE_MAX UINT64_C(1000000000000)

// Digits with up to three decimals, in thousandths. Returns what is behind them, NULL if there are
// none.
static const char *read_thousandths(const char *text, uint64_t *thousandths)
{
	unsigned decimals = 0;

	if (!isdigit((unsigned char)*text))
		return NULL;
	*thousandths = 0;
	for (; isdigit((unsigned char)*text) && *thousandths <= RATE_MAX; text++)
		*thousandths = *thousandths * 10 + (uint64_t)(*text - '0');
	if (*text == '.' && !isdigit((unsigned char)*++text))
		return NULL;
	for (; isdigit((unsigned char)*text) && decimals < 3; text++, decimals++)
		*thousandths = *thousandths * 10 + (uint64_t)(*text - '0');
	for (; decimals < 3; decimals++)
		*thousandths *= 10;
	return text;
}

static uint64_t read_multiple(const char **text)
{
	static const char letters[] = "kMG";
	const char *found = **text == '\0' ? NULL : strchr(letters, **text);
	uint64_t multiple = 1;

	if (found == NULL)
		return 1;
	(*text)++;
	for (const char *c = letters; c <= found; c++)
		multiple *= 1000;
	return multiple;
}

static int parse_number_and_unit(const char *text, struct pace_rate *rate)
{
	uint64_t thousandths;
	uint64_t per_s;
	uint64_t multiple;

	text = read_thousandths(text, &thousandths);
	if (text == NULL)
		return -EINVAL;
	multiple = read_multiple(&text);
	if (thousandths > RATE_MAX * 1000 / multiple)
		return -EINVAL;
	per_s = thousandths * multiple / 1000;
	if (strcmp(text, "") == 0 || strcmp(text, "pps") == 0)
		*rate = (struct pace_rate){.unit = PACE_PACKETS, .per_s = per_s};
	else if (strcmp(text, "bit") == 0 || strcmp(text, "bit/s") == 0)
		*rate = (struct pace_rate){.unit = PACE_OCTETS, .per_s = per_s / 8};
	else
		return -EINVAL;
	return rate->per_s == 0 ? -EINVAL : 0;
}

int pace_parse(const char *text, struct pace_rate *rate)
{
	struct pace_rate parsed = {.unit = PACE_FLAT_OUT};
	int rc = strcmp(text, "max") == 0 ? 0 : parse_number_and_unit(text, &parsed);

	if (rc == 0)
		*rate = parsed;
	return rc;
}

void pace_start(struct pace *pace, const struct pace_rate *rate, unsigned index, unsigned n,
	uint64_t ticks_hz, uint64_t now)
{
	double each = (double)ticks_hz / (double)rate->per_s;

	*pace = (struct pace){.unit = rate->unit, .next = now};
	if (rate->unit == PACE_FLAT_OUT)
		return;
	pace->step = (uint64_t)(each * n * (1u << PACE_FRACTION_BITS));
	// In turns, not all at once. Octets: packets of 64, say.
	pace->next += (uint64_t)(each * index * (rate->unit == PACE_OCTETS ? 64 : 1));
}
