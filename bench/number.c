// Numbers of the command line.
#include "bench/number.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/ether.h>
#include <stdlib.h>
#include <string.h>

int number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || value < least || value > most)
		return -EINVAL;
	*number = value;
	return 0;
}

int number_parse_seconds(const char *text, uint64_t most_s, uint64_t *ns)
{
	uint64_t value = 0;
	unsigned decimals = 0;
	const char *c = text;

	if (!isdigit((unsigned char)*c))
		return -EINVAL;
	for (; isdigit((unsigned char)*c); c++) {
		value = value * 10 + (uint64_t)(*c - '0');
		if (value > most_s)
			return -EINVAL;
	}
	if (*c == '.' && !isdigit((unsigned char)*++c))
		return -EINVAL;
	for (; isdigit((unsigned char)*c) && decimals < 9; c++, decimals++)
		value = value * 10 + (uint64_t)(*c - '0');
	if (*c != '\0')
		return -EINVAL;
	for (; decimals < 9; decimals++)
		value *= 10;
	*ns = value;
	return 0;
}

int number_parse_mac(const char *text, uint8_t mac[6])
{
	static const uint8_t none[6];
	struct ether_addr parsed;

	if (strlen(text) != 17)
		return -EINVAL;
	for (unsigned i = 0; i < 17; i++) {
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return -EINVAL;
	}
	if (ether_aton_r(text, &parsed) == NULL || (parsed.ether_addr_octet[0] & 1) != 0 ||
		memcmp(&parsed, none, 6) == 0)
		return -EINVAL;
	memcpy(mac, &parsed, 6);
	return 0;
}
