// Making the template of the outer IP header.
#include "proto/outer.h"

#include "proto/ecn.h"

void outer_class_default(struct outer_class *class)
{
	for (uint8_t dscp = 0; dscp < OUTER_DSCPS; dscp++)
		class->dscp[dscp] = dscp;
	class->ecn_mask = ECN_MASK;
	class->hop_limit = OUTER_HOP_LIMIT;
	class->df = OUTER_DF_SET;
}

void outer_init(struct outer *outer, const struct ip_addr *source,
	const struct ip_addr *destination, uint8_t protocol, const struct outer_class *class)
{
	uint8_t *h = outer->header;

	memset(outer, 0, sizeof(*outer));
	for (unsigned inner = 0; inner < 256; inner++)
		outer->traffic_class[inner] =
			(uint8_t)(class->dscp[inner >> 2] << 2 | (inner & class->ecn_mask));
	if (source->family == IP_V6) {
		h[IPV6_NEXT_HEADER] = protocol;
		h[IPV6_HOP_LIMIT] = class->hop_limit;
		memcpy(h + IPV6_SOURCE, source->octets, 16);
		memcpy(h + IPV6_DESTINATION, destination->octets, 16);
		outer->df = OUTER_DF_SET;
		return;
	}
	outer->df = class->df;
	h[0] = 4 << 4 | IPV4_HEADER_MIN / 4;
	store_be16(h + IPV4_FRAGMENT, IPV4_DONT_FRAGMENT);
	h[IPV4_TTL] = class->hop_limit;
	h[IPV4_PROTOCOL] = protocol;
	memcpy(h + IPV4_SOURCE, source->octets, 4);
	memcpy(h + IPV4_DESTINATION, destination->octets, 4);
	outer->sum = checksum_sum(h, IPV4_HEADER_MIN);
}

void outer_clear_df(uint8_t *at, uint16_t id)
{
	store_be16(at + IPV4_ID, id);
	store_be16(at + IPV4_FRAGMENT, 0);
	ipv4_write_checksum(at, IPV4_HEADER_MIN);
}
