// IP addresses and prefixes of both families, for control code and configuration.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ip_family { IP_NONE = 0, IP_V4 = 4, IP_V6 = 6 };

// Network byte order. An IPv4 address is in octets[0..3], the other twelve are zero.
struct ip_addr {
	uint8_t family;
	uint8_t octets[16];
};

// Host bits of addr are zero. length: 0..32 or 0..128.
struct ip_prefix {
	struct ip_addr addr;
	uint8_t length;
};

#define IP_ADDR_TEXT 46
#define IP_PREFIX_TEXT 50

// Both return 0 or -EINVAL. A prefix without "/n" is a host prefix; one with host bits set is
// refused with -ERANGE, so that the caller can say which prefix was meant.
int ip_addr_parse(const char *text, struct ip_addr *addr);
int ip_prefix_parse(const char *text, struct ip_prefix *prefix);

// Write into buf and return it.
const char *ip_addr_format(const struct ip_addr *addr, char buf[IP_ADDR_TEXT]);
const char *ip_prefix_format(const struct ip_prefix *prefix, char buf[IP_PREFIX_TEXT]);

// Octets of an address of this family: 4 or 16.
size_t ip_addr_octets(uint8_t family);
bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b);
bool ip_addr_is_multicast(const struct ip_addr *addr);
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr);
// Every address of inner is in outer (false across families).
bool ip_prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner);
// Clears the bits behind length.
void ip_prefix_mask(struct ip_prefix *prefix);
