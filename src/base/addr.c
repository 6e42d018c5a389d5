// IP addresses and prefixes: text to octets and back, and questions about prefixes.
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

size_t ip_addr_octets(uint8_t family)
{
	switch (family) {
	case IP_V4:
		return 4;
	case IP_V6:
		return 16;
	default:
		return 0;
	}
}

int ip_addr_parse(const char *text, struct ip_addr *addr)
{
	struct ip_addr parsed = {.family = IP_V4};

	if (!text)
		return -EINVAL;
	if (inet_pton(AF_INET, text, parsed.octets) != 1) {
		parsed = (struct ip_addr){.family = IP_V6};
		if (inet_pton(AF_INET6, text, parsed.octets) != 1)
			return -EINVAL;
	}
	*addr = parsed;
	return 0;
}

// Decimal digits alone, one spelling per number.
static int parse_length(const char *text, size_t max, uint8_t *length)
{
	size_t value = 0;

	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		value = value * 10 + (size_t)(*text - '0');
		if (value > max)
			return -EINVAL;
	}
	*length = (uint8_t)value;
	return 0;
}

int ip_prefix_parse(const char *text, struct ip_prefix *prefix)
{
	char addr_text[IP_ADDR_TEXT];
	struct ip_prefix parsed, masked;
	const char *slash;
	size_t addr_length, bits;
	int ret;

	if (!text)
		return -EINVAL;
	slash = strchr(text, '/');
	addr_length = slash ? (size_t)(slash - text) : strlen(text);
	if (addr_length >= sizeof(addr_text))
		return -EINVAL;
	memcpy(addr_text, text, addr_length);
	addr_text[addr_length] = '\0';
	ret = ip_addr_parse(addr_text, &parsed.addr);
	if (ret < 0)
		return ret;
	bits = ip_addr_octets(parsed.addr.family) * 8;
	parsed.length = (uint8_t)bits;
	if (slash) {
		ret = parse_length(slash + 1, bits, &parsed.length);
		if (ret < 0)
			return ret;
	}
	masked = parsed;
	ip_prefix_mask(&masked);
	if (!ip_addr_equal(&masked.addr, &parsed.addr))
		return -ERANGE;
	*prefix = parsed;
	return 0;
}

const char *ip_addr_format(const struct ip_addr *addr, char buf[IP_ADDR_TEXT])
{
	int family = addr->family == IP_V6 ? AF_INET6 : AF_INET;

	if (ip_addr_octets(addr->family) == 0 ||
		!inet_ntop(family, addr->octets, buf, IP_ADDR_TEXT))
		memcpy(buf, "none", sizeof("none"));
	return buf;
}

const char *ip_prefix_format(const struct ip_prefix *prefix, char buf[IP_PREFIX_TEXT])
{
	char addr_text[IP_ADDR_TEXT];

	ip_addr_format(&prefix->addr, addr_text);
	snprintf(buf, IP_PREFIX_TEXT, "%s/%u", addr_text, (unsigned)prefix->length);
	return buf;
}

bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->family == b->family &&
		memcmp(a->octets, b->octets, ip_addr_octets(a->family)) == 0;
}

bool ip_addr_is_multicast(const struct ip_addr *addr)
{
	if (addr->family == IP_V4)
		return (addr->octets[0] & 0xf0) == 0xe0;	 // RFC 1112 section 4
	return addr->family == IP_V6 && addr->octets[0] == 0xff; // RFC 4291 section 2.7
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr)
{
	size_t octets = ip_addr_octets(addr->family);
	size_t whole = prefix->length / 8;
	unsigned rest = prefix->length % 8;

	if (octets == 0 || addr->family != prefix->addr.family || prefix->length > octets * 8)
		return false;
	if (memcmp(prefix->addr.octets, addr->octets, whole) != 0)
		return false;
	return rest == 0 || ((prefix->addr.octets[whole] ^ addr->octets[whole]) >> (8 - rest)) == 0;
}

bool ip_prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner)
{
	return inner->length >= outer->length && ip_prefix_contains(outer, &inner->addr);
}

void ip_prefix_mask(struct ip_prefix *prefix)
{
	size_t whole = prefix->length / 8;
	unsigned rest = prefix->length % 8;

	if (whole >= sizeof(prefix->addr.octets))
		return;
	prefix->addr.octets[whole] &= (uint8_t)(0xff00u >> rest);
	memset(prefix->addr.octets + whole + 1, 0, sizeof(prefix->addr.octets) - whole - 1);
}
